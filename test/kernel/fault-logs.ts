/**
 * Reports as kernels print them, by the formats of Linux 5.4 to 7.3 (the file that prints each is named in
 * src/kernel/fault-forms.ts), with our module and its function where a module and a function stand.
 */
export const MODULE = 'lkp_x_121';
export const BUILD_ID = '0badc0de0badc0de0badc0de0badc0de0badc0de';

const X86_FRAMES = [
  'Call Trace:',
  ' <TASK>',
  ` patched_version_proc_show+0x21/0x60 [${MODULE}]`,
  ' seq_read_iter+0x120/0x480',
  ' vfs_read+0x1f5/0x3a0',
  ' do_syscall_64+0x5b/0x80',
  ' </TASK>',
];
const X86_BODY = [
  'Modules linked in: lkp_x_121(OEK) virtio_net net_failover',
  'CPU: 0 PID: 612 Comm: cat Tainted: G           OE K   6.1.0-56-amd64 #1  Debian 6.1.192-2',
  'Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014',
  `RIP: 0010:patched_version_proc_show+0x21/0x60 [${MODULE}]`,
  'Code: 48 89 e5 53 48 89 fb e8 12 34 56 78 <0f> 0b 31 c0 5b 5d c3 cc cc cc cc',
  'RSP: 0018:ffffb0e4c0a3fd38 EFLAGS: 00010246',
  ...X86_FRAMES,
];
const END = '---[ end trace 0000000000000000 ]---';
const LINE = '==================================================================';

/** Faults whose report points at our module, by what they are. */
export const FAULTS: Record<string, string[]> = {
  'x86 5.4: BUG()': [
    '------------[ cut here ]------------',
    'kernel BUG at /build/patch/version.c:12!',
    'invalid opcode: 0000 [#1] SMP NOPTI',
    ...X86_BODY,
    '---[ end trace 6d3f1c5a2b7e9f01 ]---',
  ],
  'x86 5.4: an opcode that is none, alone': ['invalid opcode: 0000 [#1] SMP', ...X86_BODY, END],
  'x86 6.1: general protection fault': [
    'general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] PREEMPT SMP NOPTI',
    ...X86_BODY,
    END,
  ],
  'x86 4.19 to 5.4: general protection fault': [
    'general protection fault: 0000 [#2] SMP PTI',
    ...X86_BODY,
    END,
  ],
  'x86 6.1: division by zero': ['divide error: 0000 [#1] PREEMPT SMP NOPTI', ...X86_BODY, END],
  'x86 6.1: stack segment': ['stack segment: 0000 [#1] PREEMPT_RT SMP KASAN PTI', ...X86_BODY, END],
  'x86 6.1: null pointer': [
    'BUG: kernel NULL pointer dereference, address: 0000000000000000',
    '#PF: supervisor write access in kernel mode',
    '#PF: error_code(0x0002) - not-present page',
    'PGD 0 P4D 0 ',
    'Oops: 0002 [#1] PREEMPT SMP NOPTI',
    ...X86_BODY,
    'CR2: 0000000000000000',
    END,
  ],
  'x86 5.10: page fault': [
    'BUG: unable to handle page fault for address: ffffffffc0a3f000',
    '#PF: supervisor instruction fetch in kernel mode',
    'Oops: 0010 [#1] SMP PTI',
    ...X86_BODY,
    END,
  ],
  'x86 4.15 to 5.0: paging request': [
    'BUG: unable to handle kernel paging request at ffffffffc0a3f000',
    'Oops: 0010 [#1] SMP PTI',
    ...X86_BODY,
    END,
  ],
  'x86 6.10 and later: opcode': ['Oops: invalid opcode: 0000 [#1] PREEMPT SMP NOPTI', ...X86_BODY, END],
  'x86 7.3: general protection fault': [
    'Oops: general protection fault, maybe for address 0xffff8d1c80a3fd38: 0000 [#1] SMP NOPTI',
    ...X86_BODY,
    END,
  ],
  'x86 6.13: preemption told in brackets': [
    'Oops: Oops: 0000 [#1] PREEMPT_{RT,(lazy)} SMP PTI',
    ...X86_BODY,
    END,
  ],
  'x86 6.1: stack overflow': [
    'BUG: TASK stack guard page was hit at 00000000d1f3a4ab (stack is 000000005b7a..00000000a1b2)',
    'stack guard page: 0000 [#1] PREEMPT SMP NOPTI',
    ...X86_BODY,
    END,
  ],
  'x86 6.1: double fault': [
    'traps: PANIC: double fault, error_code: 0x0',
    'double fault: 0000 [#1] PREEMPT SMP NOPTI',
    ...X86_BODY,
    END,
  ],
  'x86 6.1: WARN()': [
    '------------[ cut here ]------------',
    `WARNING: CPU: 1 PID: 612 at /build/patch/version.c:12 patched_version_proc_show+0x21/0x60 [${MODULE}]`,
    ...X86_BODY,
    END,
  ],
  'x86 6.12: WARN() in a module whose build id is told': [
    `WARNING: CPU: 1 PID: 612 at fs/proc/version.c:12 patched_version_proc_show+0x21/0x60 [${MODULE}]`,
    'RIP: 0010:seq_printf+0x4f/0x60',
    ' <TASK>',
    ` patched_version_proc_show+0x21/0x60 [${MODULE} ${BUILD_ID}]`,
    END,
  ],
  'x86 7.3: WARN()': [
    `WARNING: fs/proc/version.c:12 at patched_version_proc_show+0x21/0x60 [${MODULE}], CPU#1: cat/612`,
    ...X86_BODY,
    END,
  ],
  '7.3: WARN() of a place that has no name': [
    'WARNING: lib/string_helpers.c:1035 at 0xffffffffc029e04c, CPU#0: cat/612',
    ...X86_BODY,
    END,
  ],
  'x86 5.4: UBSAN': [
    'UBSAN: Undefined behaviour in fs/proc/version.c:12:3',
    'shift exponent 64 is too large for 32-bit type int',
    ...X86_FRAMES,
  ],
  'expedited RCU stall': [
    'rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-.... } 21 jiffies s: 57 root: 0x1/.',
    ...X86_FRAMES,
  ],
  'arm64 5.1: BUG()': ['Internal error: Oops - BUG: 0 [#1] PREEMPT SMP', `pc : f+0x1c/0x1d [${MODULE}]`],
  'Xen, paravirtual': ['Oops: 0002 [#1] SMP NOPTI', `RIP: e030:f+0x198/0x240 [${MODULE}]`],
  'x86: refcount underflow, below our function': [
    'WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110',
    'refcount_t: underflow; use-after-free.',
    'RIP: 0010:refcount_warn_saturate+0xba/0x110',
    ...X86_FRAMES,
    END,
  ],
  'arm64 5.4: page fault': [
    'Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000',
    'Mem abort info:',
    '  ESR = 0x96000004',
    'Internal error: Oops: 96000004 [#1] SMP',
    'Modules linked in: lkp_x_121(OEK)',
    'CPU: 0 PID: 311 Comm: cat Tainted: G           OE K   5.4.0-200-generic #220-Ubuntu',
    'pstate: 60000005 (nZCv daif -PAN -UAO)',
    `pc : patched_version_proc_show+0x10/0x40 [${MODULE}]`,
    'lr : seq_read_iter+0xfc/0x4b0',
    'Call trace:',
    ` patched_version_proc_show+0x10/0x40 [${MODULE}]`,
    ' seq_read+0xfc/0x4b0',
    '---[ end trace 4a9d7c3e2f1b0a58 ]---',
  ],
  'arm64 7.3: BUG()': [
    'kernel BUG at fs/proc/version.c:12!',
    'Internal error: Oops - BUG: 00000000f2000800 [#1]  SMP',
    'pc : seq_printf+0x0/0x40',
    `lr : patched_version_proc_show+0x10/0x40 [${MODULE}]`,
    'Call trace:',
    ' seq_printf+0x0/0x40 (P)',
    ` patched_version_proc_show+0x10/0x40 [${MODULE} ${BUILD_ID}] (L)`,
    END,
  ],
  'arm64 6.1: branch target': [
    'Internal error: Oops - BTI: 0000000036000002 [#1] SMP',
    `pc : f+0x0/0x40 [${MODULE}]`,
    END,
  ],
  's390x 6.1: addressing': [
    'Unable to handle kernel pointer dereference in virtual kernel address space',
    'Failing address: 0000000000000000 TEID: 0000000000000483',
    'Fault in home space mode while using kernel ASCE.',
    'Oops: 0004 ilc:2 [#1] SMP ',
    'Modules linked in: lkp_x_121(OEK)',
    `Krnl PSW : 0704c00180000000 000003ff80004012 (patched_version_proc_show+0x12/0x40 [${MODULE}])`,
    '           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0 PM:0 RI:0 EA:3',
    'Call Trace:',
    ` [<000003ff80004012>] patched_version_proc_show+0x12/0x40 [${MODULE}] `,
    ' [<000000001d2f1a3e>] seq_read_iter+0xfe/0x4e0 ',
    'Last Breaking-Event-Address:',
    END,
  ],
  's390x 7.3: illegal operation': [
    'illegal operation: 0001 ilc:1 [#1]SMP ',
    `Krnl PSW : 0704c00180000000 000003ff80004012 (patched_version_proc_show+0x12/0x40 [${MODULE}])`,
    END,
  ],
  'BUG() of a kernel without its places': [
    `Kernel BUG at patched_version_proc_show+0x21/0x60 [${MODULE}] [verbose debug info unavailable]`,
    'invalid opcode: 0000 [#1] SMP',
    ...X86_BODY,
    END,
  ],
  'scheduling while atomic': [
    'BUG: scheduling while atomic: cat/612/0x00000002',
    'Modules linked in: lkp_x_121(OEK)',
    ...X86_FRAMES,
  ],
  'sleeping where it must not': [
    'BUG: sleeping function called from invalid context at include/linux/sched/mm.h:274',
    'in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 612, name: cat',
    ...X86_FRAMES,
  ],
  'soft lockup': ['watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cat:612]', ...X86_BODY],
  'hard lockup, 6.1': ['NMI watchdog: Watchdog detected hard LOCKUP on cpu 0', ...X86_BODY],
  'hard lockup, 7.3': ['watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 0', ...X86_BODY],
  'RCU stall': [
    'rcu: INFO: rcu_preempt self-detected stall on CPU',
    'rcu: \t0-....: (5249 ticks this GP) idle=8c1c/1/0x4000000000000000 softirq=1124/1124 fqs=2624',
    ...X86_BODY,
  ],
  'RCU stall of another processor': [
    'rcu: INFO: rcu_sched detected stalls on CPUs/tasks:',
    'Sending NMI from CPU 1 to CPUs 0:',
    'NMI backtrace for cpu 0',
    ...X86_BODY,
  ],
  KASAN: [
    LINE,
    `BUG: KASAN: slab-out-of-bounds in patched_version_proc_show+0x21/0x60 [${MODULE}]`,
    'Write of size 8 at addr ffff888003c5a020 by task cat/612',
    ...X86_FRAMES,
    LINE,
  ],
  KFENCE: [
    LINE,
    `BUG: KFENCE: use-after-free read in patched_version_proc_show+0x21/0x60 [${MODULE}]`,
    'Use-after-free read at 0x00000000d1f3a4ab (in kfence-#17):',
    ` patched_version_proc_show+0x21/0x60 [${MODULE}]`,
    LINE,
  ],
  KCSAN: [
    `BUG: KCSAN: data-race in patched_version_proc_show [${MODULE}] / vfs_read`,
    'write to 0xffff888003c5a020 of 8 bytes by task 612 on cpu 0:',
    ` patched_version_proc_show+0x21/0x60 [${MODULE}]`,
    LINE,
  ],
  UBSAN: [
    '================================================================================',
    'UBSAN: array-index-out-of-bounds in /build/patch/version.c:12:3',
    "index 8 is out of range for type 'int [8]'",
    ...X86_FRAMES,
    '---[ end trace ]---',
  ],
  'bad page': [
    'BUG: Bad page state in process cat  pfn:03c5a',
    'page:00000000d1f3a4ab refcount:0 mapcount:-128 mapping:0000000000000000 index:0x0 pfn:0x3c5a',
    ...X86_FRAMES,
  ],
  'slab, overwritten': [
    'BUG kmalloc-32 (Tainted: G           OE K  ): Redzone overwritten',
    '-----------------------------------------------------------------------------',
    ...X86_FRAMES,
  ],
  'work that leaks a lock': [
    'BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000001/12',
    '     last function: patched_work [lkp_x_121]',
    ...X86_FRAMES,
  ],
  lockdep: [
    '======================================================',
    'WARNING: possible circular locking dependency detected',
    '6.1.0-56-amd64 #1 Tainted: G           OE K',
    'stack backtrace:',
    ...X86_FRAMES,
  ],
  'wait context': ['[ BUG: Invalid wait context ]', 'stack backtrace:', ...X86_FRAMES],
};

/** What any user can have the kernel say of a task whose name, or whose file's, he chose; all of its own records. */
export const USER_NAMED: readonly { level: number; record: (name: string, file: string) => string }[] = [
  // arch/x86/mm/fault.c, show_signal_msg
  {
    level: 6,
    record: (name, file) =>
      `${name}[612]: segfault at 0 ip 0000000000401000 sp 00007ffd1 error 6 in ${file}[401000+1000]`,
  },
  // of init's own process number, in a container
  {
    level: 0,
    record: (name, file) =>
      `${name}[1]: segfault at 0 ip 0000000000401000 sp 00007ffd1 error 6 in ${file}[401000+1000]`,
  },
  // arch/x86/kernel/traps.c
  {
    level: 6,
    record: (name, file) =>
      `traps: ${name}[612] trap invalid opcode ip:401000 sp:7ffd1 error:0 in ${file}[401000+1000]`,
  },
  {
    level: 6,
    record: (name, file) =>
      `traps: ${name}[612] general protection fault ip:401000 sp:7ffd1 error:0 in ${file}[401000+1000]`,
  },
  // arch/arm64/kernel/traps.c
  {
    level: 6,
    record: (name, file) =>
      `${name}[612]: unhandled exception: DABT (lower EL), ESR 0x92000046 in ${file}[aaaab000+1000]`,
  },
  // arch/s390/mm/fault.c
  {
    level: 1,
    record: (_name, file) => `User process fault: interruption code 003b ilc:3 in ${file}[aaaab000+1000]`,
  },
  // mm/oom_kill.c, dump_header; mm/page_alloc.c, warn_alloc. Both go on with frames of the kernel.
  {
    level: 4,
    record: (name) => `${name} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0`,
  },
  {
    level: 4,
    record: (name) =>
      `${name}: page allocation failure: order:9, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)`,
  },
  // kernel/hung_task.c: it waits for something, which is no fault of the kernel
  { level: 3, record: (name) => `INFO: task ${name}:612 blocked for more than 120 seconds.` },
  // fs/exec.c, fs/drop_caches.c, kernel/sysctl.c, kernel/capability.c
  { level: 4, record: (_name, file) => `process '${file}' started with executable stack` },
  { level: 6, record: (name) => `${name} (612): drop_caches: 3` },
  { level: 4, record: (name) => `warning: \`${name}' uses 32-bit capabilities (legacy support in use)` },
  {
    level: 5,
    record: (name) =>
      `audit: type=1701 audit(1.000:7): auid=1000 pid=612 comm="${name}" exe="/tmp/x" sig=11 res=1`,
  },
  { level: 4, record: (name) => `CPU: 0 PID: 612 Comm: ${name} Not tainted 6.1.0-56-amd64 #1` },
];

/** What follows a report of memory that ran out, say: our function is on the way, and is to blame for nothing. */
export const DUMP = ['CPU: 0 PID: 612 Comm: x Not tainted 6.1.0-56-amd64 #1', ...X86_FRAMES];
