/** Bits of /proc/sys/kernel/tainted, Documentation/admin-guide/tainted-kernels.rst. */
const TAINT = { badPage: 5, die: 7, warn: 9, softLockup: 14 } as const;

/** How kernels report one kind of fault of their own. */
export interface FaultForm {
  /** Matches the first record of such a report, from its beginning and as far as nobody else has a say in it. */
  head: RegExp;
  /** A bit that is set when it has been reported; none for kinds that leave no mark. */
  taint?: number;
  /** Where it is printed. */
  source: string;
}

/** `function+0x1a/0x60`, and where it is no function of the kernel itself ` [module]` or ` [module build-id]`. */
const SYMBOL = String.raw`[^\s+[\]]+\+0x[0-9a-f]+/0x[0-9a-f]+`;
/**
 * What a kernel was built with, after the count of oopses: `PREEMPT SMP NOPTI`, `PREEMPT_{RT,(full)}`. Any such letters,
 * and not the words: a user's file name that repeats them must not keep us busy with all the ways to read it.
 */
const FLAGS = String.raw`[A-Z_{}, ]*(?:\([a-z]+\))?[A-Z_{}, ]*`;

/**
 * Read in Linux 5.4, 5.10, 6.1, 6.12 and 7.3. Every head is long or whole enough that a task's name, 15 characters of
 * any user's choice with which other records begin (`NAME invoked oom-killer: …`), cannot pass for one.
 */
export const FAULT_FORMS: readonly FaultForm[] = [
  // x86: until 6.9 without "Oops: " before the kind of trap.
  {
    head: new RegExp(String.raw`^(?:Oops: )?[A-Za-z#][^:[\]]{0,120}: [0-9a-f]{4,8} \[#\d+\]${FLAGS}$`),
    taint: TAINT.die,
    source: 'arch/x86/kernel/dumpstack.c, __die_header',
  },
  {
    head: /^BUG: (?:kernel NULL pointer dereference, address: |unable to handle (?:page fault|kernel (?:paging request|NULL pointer dereference)) (?:for|at) )/,
    taint: TAINT.die,
    source: 'arch/x86/mm/fault.c, show_fault_oops',
  },
  {
    head: /^BUG: (?:\w+ )?stack guard page was hit at /,
    taint: TAINT.die,
    source: 'arch/x86/kernel/traps.c, handle_stack_overflow',
  },
  {
    head: /^(?:traps: )?PANIC: double fault, error_code: 0x/,
    taint: TAINT.die,
    source: 'arch/x86/kernel/traps.c, exc_double_fault',
  },
  // arm64
  {
    head: /^Unable to handle kernel .{1,80} at virtual address [0-9a-f]{16}$/,
    taint: TAINT.die,
    source: 'arch/arm64/mm/fault.c, die_kernel_fault',
  },
  {
    head: new RegExp(String.raw`^Internal error: .{1,80}: [0-9a-f]{1,16} \[#\d+\]${FLAGS}$`),
    taint: TAINT.die,
    source: 'arch/arm64/kernel/traps.c, __die',
  },
  // s390
  {
    head: /^Unable to handle kernel (?:pointer dereference|paging request) in virtual /,
    taint: TAINT.die,
    source: 'arch/s390/mm/fault.c, do_no_context',
  },
  {
    head: new RegExp(String.raw`^[A-Za-z][^:[\]]{0,80}: [0-9a-f]{4} ilc:\d+ \[#\d+\]${FLAGS}$`),
    taint: TAINT.die,
    source: 'arch/s390/kernel/dumpstack.c, die',
  },
  // Every architecture
  {
    head: /^kernel BUG at [^\s:]+:\d+!$|^Kernel BUG at \S+(?: \[[^\]]+\])? \[verbose debug info unavailable\]$/,
    taint: TAINT.die,
    source: 'lib/bug.c, __report_bug',
  },
  {
    head: new RegExp(String.raw`^WARNING: CPU: \d+ PID: \d+ at (?:[^\s:]+:\d+ )?(?:${SYMBOL}|0x)`),
    taint: TAINT.warn,
    source: 'kernel/panic.c, __warn, until 6.17',
  },
  {
    head: new RegExp(
      String.raw`^WARNING: (?:[^\s:]+:\d+ )?at (?:${SYMBOL}(?: \[[^\]]*\])?|0x[0-9a-f]+), CPU#\d+: `,
    ),
    taint: TAINT.warn,
    source: 'kernel/panic.c, __warn, since 6.18',
  },
  {
    head: /^BUG: (?:scheduling while atomic: |scheduling in a non-blocking section: |(?:sleeping function called from invalid|assuming (?:atomic|non migratable)) context at )/,
    taint: TAINT.warn,
    source: 'kernel/sched/core.c, __schedule_bug, __might_resched, __cant_sleep',
  },
  {
    head: /^watchdog: BUG: soft lockup - CPU#\d+ stuck for /,
    taint: TAINT.softLockup,
    source: 'kernel/watchdog.c, watchdog_timer_fn',
  },
  {
    head: /^(?:NMI )?watchdog: (?:CPU\d+: )?Watchdog detected hard LOCKUP on cpu \d+/,
    source: 'kernel/watchdog.c, watchdog_hardlockup_check; kernel/watchdog_hld.c until 6.4',
  },
  {
    head: /^rcu: INFO: \w+ (?:self-detected stall on CPU|detected (?:expedited )?stalls on CPUs\/tasks)/,
    source: 'kernel/rcu/tree_stall.h, print_cpu_stall, print_other_cpu_stall',
  },
  {
    head: new RegExp(`^BUG: (?:KASAN|KFENCE|KMSAN): (?:[a-z -]+ in (?:${SYMBOL}|0x)|invalid-access$)`),
    taint: TAINT.badPage,
    source: 'mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c',
  },
  {
    head: new RegExp(String.raw`^BUG: KCSAN: [a-z: -]+ in (?:${SYMBOL}|\S+(?: \[[^\]]+\])? / )`),
    source: 'kernel/kcsan/report.c',
  },
  { head: /^UBSAN: [\w-]+(?: [\w-]+)* in \S+:\d+:\d+$/, source: 'lib/ubsan.c, ubsan_prologue' },
  {
    head: /^BUG: Bad (?:page (?:state|map)) in process /,
    taint: TAINT.badPage,
    source: 'mm/page_alloc.c, bad_page; mm/memory.c, print_bad_pte',
  },
  {
    head: /^BUG \S{1,80} \((?:Not tainted|Tainted: [A-Z ]+)\): /,
    taint: TAINT.badPage,
    source: 'mm/slub.c, __slab_bug',
  },
  {
    head: /^BUG: workqueue leaked (?:lock or atomic|atomic, lock or RCU): /,
    source: 'kernel/workqueue.c, process_one_work',
  },
  {
    head: /^WARNING: (?:possible (?:circular|recursive) locking|inconsistent lock state$|bad (?:unlock balance|contention) detected|held lock freed|suspicious RCU usage$|possible irq lock inversion dependency|[\w-]+-safe -> [\w-]+-unsafe lock order detected$|lock held when returning to user space)/,
    source: 'kernel/locking/lockdep.c',
  },
  { head: /^\[ BUG: Invalid wait context \]$/, source: 'kernel/locking/lockdep.c' },
];

/**
 * The records of a report that say where the kernel was: the function, and the module that it is in with its build id,
 * when they are said. What an unwinder marks as a guess (`?`, and round brackets on s390) is none.
 */
export const FRAME = new RegExp(
  String.raw`^(?: *| *RIP: [0-9a-f]{4}:| *(?:pc|lr) : | *Krnl PSW : [0-9a-f]{16} [0-9a-f]{16} \(| *\[<[0-9a-f]+>\] )` +
    String.raw`(?<symbol>[^\s+[\]?()]+)\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[(?<module>[\w-]+)(?: (?<build>[0-9a-f]+))?\])?\)?(?: \([A-Z]+\))? *$`,
);

/** The last record of a report, where there is one. */
export const END = /^(?:---\[ end trace|={40,}$)/;
