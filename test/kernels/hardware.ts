import { join } from 'node:path';
import { type RootSpec, rootDirectory } from './root.ts';

/** How QEMU makes a machine for a kernel, always without KVM. */
export interface Hardware {
  /** QEMU's program. */
  program: string;
  /** Debian's package of it, of this machine; or the Debian that it is taken from. */
  from: string | RootSpec;
  /** Of what kind the machine is. */
  machine: readonly string[];
  /** The serial console: what attaches it to QEMU's own output, and its name in the guest. */
  serial: readonly string[];
  console: string;
  /** Further parameters of the kernel. */
  parameters: string;
  /** What the names of virtio's devices end with. */
  bus: 'pci' | 'ccw';
  /** Kernel modules that it takes to reach the virtio devices. */
  modules: readonly string[];
  /** Whether it can boot by UEFI, which is what brings certificates of ours into the kernel's keyrings. */
  uefi: boolean;
}

export const PC: Hardware = {
  program: 'qemu-system-x86_64',
  from: 'qemu-system-x86',
  machine: ['-M', 'q35', '-cpu', 'max'],
  serial: ['-serial', 'stdio'],
  console: 'ttyS0',
  // On a busy host an emulated processor stands still while the kernel waits to see its timer tick.
  parameters: 'no_timer_check',
  bus: 'pci',
  modules: ['virtio_pci'],
  uefi: true,
};

export const ARM: Hardware = {
  program: 'qemu-system-aarch64',
  from: 'qemu-system-arm',
  // The architecture's own way to sign pointers takes the emulator most of its time; QEMU's own does as well.
  machine: ['-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
  serial: ['-serial', 'stdio'],
  console: 'ttyAMA0',
  parameters: '',
  bus: 'pci',
  modules: ['virtio_pci'],
  uefi: false,
};

export const MAINFRAME: Hardware = {
  program: 'qemu-system-s390x',
  // Under QEMU 7.2, which is Debian 12's, Node dies of illegal instructions as it speaks TLS.
  from: { name: 'emulator', suites: ['trixie'], architecture: 'amd64', packages: ['qemu-system-s390x'] },
  machine: ['-M', 's390-ccw-virtio', '-cpu', 'max'],
  serial: ['-chardev', 'stdio,id=console', '-device', 'sclpconsole,chardev=console'],
  console: 'ttysclp0',
  parameters: '',
  bus: 'ccw',
  modules: [],
  uefi: false,
};

/** The words that start QEMU, program first. One of another Debian's comes with the loader and libraries of that. */
export function qemuCommand({ program, from }: Hardware): string[] {
  if (typeof from === 'string') return [program];
  const usr = join(rootDirectory(from), 'usr');
  const libraries = join(usr, 'lib/x86_64-linux-gnu');
  const loader = join(libraries, 'ld-linux-x86-64.so.2');
  return [loader, '--library-path', libraries, join(usr, 'bin', program), '-L', join(usr, 'share/qemu')];
}
