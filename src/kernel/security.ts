import { join } from 'node:path';
import { printable } from '../text.ts';
import { type LivePatching, livePatching } from './livepatches.ts';
import { numberOf, readStart, textOf } from './read.ts';

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
  /** `module.sig_enforce`: no module is taken without a signature of a key that the kernel knows. */
  sigEnforce: boolean | undefined;
  /** `kernel.ftrace_enabled`, without which no function can be replaced. */
  ftraceEnabled: boolean | undefined;
  /** Functions that a tracer has put a kprobe on, which may keep them from being replaced. */
  probed: string[] | undefined;
  /** Whether this process may load modules: it has CAP_SYS_MODULE. */
  capSysModule: boolean | undefined;
  /** Whether the kernel has SHA-512 at hand, which signatures of patches need. */
  digestAvailable: boolean | undefined;
  livePatching: LivePatching;
}

export function readSecurity(root: string): KernelSecurity {
  const flag = (path: string) => {
    const value = numberOf(join(root, path));
    return value === undefined ? undefined : value === 1;
  };
  return {
    lockdown: lockdownOf(textOf(join(root, 'sys/kernel/security/lockdown'))),
    secureBoot: secureBoot(root),
    modulesDisabled: flag('proc/sys/kernel/modules_disabled'),
    tainted: numberOf(join(root, 'proc/sys/kernel/tainted')),
    sigEnforce: sigEnforce(root),
    ftraceEnabled: flag('proc/sys/kernel/ftrace_enabled'),
    probed: probedFunctions(root),
    capSysModule: capSysModule(root),
    digestAvailable: isDigestAvailable(root),
    livePatching: livePatching(root),
  };
}

/** `none [integrity] confidentiality`: the one in brackets holds. */
function lockdownOf(text: string | undefined): KernelSecurity['lockdown'] {
  const level = /\[(none|integrity|confidentiality)\]/.exec(text ?? '')?.[1];
  return level as KernelSecurity['lockdown'];
}

/** UEFI 2.10 section 3.3: the variable SecureBoot of the global GUID; efivarfs puts 4 bytes of attributes before it. */
function secureBoot(root: string): boolean | undefined {
  const firmware = join(root, 'sys/firmware/efi');
  try {
    return readStart(join(firmware, 'efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c'))[4] === 1;
  } catch {
    return textOf(join(firmware, 'fw_platform_size')) === undefined ? false : undefined;
  }
}

/** A parameter of the kernel shows as Y or N. */
function sigEnforce(root: string): boolean | undefined {
  const text = textOf(join(root, 'sys/module/module/parameters/sig_enforce'));
  return text === 'Y' || text === 'N' ? text === 'Y' : undefined;
}

/** include/uapi/linux/capability.h */
const CAP_SYS_MODULE = 16n;

function capSysModule(root: string): boolean | undefined {
  const effective = /^CapEff:\s*([0-9a-f]{16})$/m.exec(textOf(join(root, 'proc/self/status')) ?? '')?.[1];
  return effective === undefined ? undefined : (BigInt(`0x${effective}`) >> CAP_SYS_MODULE) % 2n === 1n;
}

/** A line a probe: `ffffffff8136d4c0  k  vfs_read+0x0    [FTRACE]`, kernel/kprobes.c. A machine has few. */
const PROBES_BYTES = 1024 * 1024;
/** KSYM_NAME_LEN of kernels since 6.1; before, 128. */
const NAME_LENGTH = 512;

/** By debugfs, which only root can read, and which need not be mounted. */
export function probedFunctions(root: string): string[] | undefined {
  const list = textOf(join(root, 'sys/kernel/debug/kprobes/list'), PROBES_BYTES);
  const names = list?.split('\n').flatMap((line) => line.split(/\s+/)[2]?.split('+')[0] ?? []);
  return (
    names && [...new Set(names)].filter((name) => name !== '').map((name) => printable(name, NAME_LENGTH))
  );
}

/** The list of all that the kernel can compute: some hundred entries, each of some hundred bytes. */
const CRYPTO_BYTES = 1024 * 1024;

export function isDigestAvailable(root: string): boolean | undefined {
  const list = textOf(join(root, 'proc/crypto'), CRYPTO_BYTES);
  return list === undefined ? undefined : /^name\s*: sha512$/m.test(list);
}
