import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What decides whether this kernel takes a module at all. Undefined is what may not be read here. */
export interface KernelSecurity {
  /** kernel_lockdown(7) */
  lockdown: 'none' | 'integrity' | 'confidentiality' | undefined;
  /** False where there is no UEFI. */
  secureBoot: boolean | undefined;
  /** Loading modules was switched off until the next boot. */
  modulesDisabled: boolean | undefined;
  /** The bits of /proc/sys/kernel/tainted, Documentation/admin-guide/tainted-kernels.rst. */
  tainted: number | undefined;
}

export function readSecurity(root: string): KernelSecurity {
  const text = (path: string) => read(root, path)?.toString('utf8').trim();
  const number = (path: string) => {
    const value = text(path);
    return value === undefined ? undefined : Number(value);
  };
  const modulesDisabled = number('proc/sys/kernel/modules_disabled');
  return {
    lockdown: lockdownOf(text('sys/kernel/security/lockdown')),
    secureBoot: secureBoot(root),
    modulesDisabled: modulesDisabled === undefined ? undefined : modulesDisabled === 1,
    tainted: number('proc/sys/kernel/tainted'),
  };
}

/** `none [integrity] confidentiality`: the one in brackets holds. */
function lockdownOf(text: string | undefined): KernelSecurity['lockdown'] {
  const level = /\[(none|integrity|confidentiality)\]/.exec(text ?? '')?.[1];
  return level as KernelSecurity['lockdown'];
}

/** UEFI 2.10 section 3.3: the variable SecureBoot of the global GUID; efivarfs puts 4 bytes of attributes before it. */
function secureBoot(root: string): boolean | undefined {
  const firmware = 'sys/firmware/efi';
  const value = read(root, `${firmware}/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`);
  if (value !== undefined) return value[4] === 1;
  return read(root, `${firmware}/fw_platform_size`) === undefined ? false : undefined;
}

function read(root: string, path: string): Buffer | undefined {
  try {
    return readFileSync(join(root, path));
  } catch {
    return undefined;
  }
}
