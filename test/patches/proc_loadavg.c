// SPDX-License-Identifier: GPL-2.0
/*
 * A live patch that is stacked on others and replaces none, of a function that
 * none of them touches: /proc/loadavg says which VERSION it is.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/stringify.h>

/* Stands in for the function of this name in fs/proc/loadavg.c. */
static int patched_loadavg_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "live-patched, version " __stringify(VERSION) "\n");
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "loadavg_proc_show", .new_func = patched_loadavg_proc_show },
	{}
};

static struct klp_object objs[] = {
	{ .name = NULL /* vmlinux */, .funcs = funcs },
	{}
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
	.replace = false,
};

static int __init proc_loadavg_init(void)
{
	return klp_enable_patch(&patch);
}

/* The kernel wants an exit function to let a module be unloaded. */
static void __exit proc_loadavg_exit(void)
{
}

module_init(proc_loadavg_init);
module_exit(proc_loadavg_exit);
MODULE_DESCRIPTION("Live patch of /proc/loadavg");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
