import { writeFileSync } from 'node:fs';
import { snapFrom } from '../snapd/environment.ts';

/**
 * Keeps tokens out of core files: of this process and of its children, none of the memory is dumped from now on
 * (core(5), "Controlling which mappings are written"), neither to a file nor to a collector that core_pattern names.
 * A limit on the size of core files would not do: the kernel does not apply it to collectors, but for the limit 1.
 */
export function keepMemoryOutOfCoreFiles(): void {
  // Confinement forbids it there; snap/local/client has done what it allows.
  if (snapFrom(process.env) !== undefined) return;
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // A kernel without core files (CONFIG_ELF_CORE) has no such setting.
  }
}
