// SPDX-License-Identifier: GPL-2.0
/*
 * A cumulative live patch that one can see: /proc/version says that the kernel
 * is live-patched, and by which VERSION (a number, defined by the builder).
 * One that PANICS takes the machine down in its init; in one that OOPSES the
 * kernel finds a bug a second after it was inserted; the transition to one that
 * LINGERS takes seconds, on kernels and machines that are done at once, too.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/stringify.h>
#include <linux/utsname.h>

/* Stands in for the function of this name in fs/proc/version.c. */
static int patched_version_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "Linux version %s (live-patched, version " __stringify(VERSION) ")\n",
		   utsname()->release);
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "version_proc_show", .new_func = patched_version_proc_show },
	{}
};

static struct klp_object objs[] = {
	{ .name = NULL /* vmlinux */, .funcs = funcs },
	{}
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
	.replace = true,
};

#ifdef OOPSES
/*
 * In a thread of its own: a worker of the kernel's that dies of this takes its
 * CPU's other work with it, and the machine hangs now and then.
 */
static int write_to_null(void *unused)
{
	ssleep(1);
	*(volatile int *)NULL = 0;
	return 0;
}
#endif

#ifdef LINGERS
/* A task that is running on another CPU cannot be switched to the patch. */
static int keep_running(void *unused)
{
	mdelay(8000);
	module_put_and_kthread_exit(0);
}
#endif

static int __init proc_version_init(void)
{
#ifdef LINGERS
	struct task_struct *runner = kthread_run(keep_running, NULL, "livepatch-runner");

	if (IS_ERR(runner))
		return PTR_ERR(runner);
	__module_get(THIS_MODULE);
#endif
#ifdef PANICS
	panic("a patch that panics in its init");
#endif
#ifdef OOPSES
	struct task_struct *bug = kthread_run(write_to_null, NULL, "livepatch-bug");

	if (IS_ERR(bug))
		return PTR_ERR(bug);
#endif
	return klp_enable_patch(&patch);
}

/* The kernel wants an exit function to let a module be unloaded. */
static void __exit proc_version_exit(void)
{
}

module_init(proc_version_init);
module_exit(proc_version_exit);
MODULE_DESCRIPTION("Live patch of /proc/version");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
