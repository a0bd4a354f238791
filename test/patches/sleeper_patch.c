// SPDX-License-Identifier: GPL-2.0
/*
 * A cumulative live patch of sleeper.c's sleeper_nap(): its transition cannot
 * end while somebody sleeps there.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

/* Stands in for the function of this name in sleeper.c. */
static void patched_sleeper_nap(void)
{
}

static struct klp_func funcs[] = {
	{ .old_name = "sleeper_nap", .new_func = patched_sleeper_nap },
	{}
};

static struct klp_object objs[] = {
	{ .name = "sleeper", .funcs = funcs },
	{}
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
	.replace = true,
};

static int __init sleeper_patch_init(void)
{
	return klp_enable_patch(&patch);
}

/* The kernel wants an exit function to let a module be unloaded. */
static void __exit sleeper_patch_exit(void)
{
}

module_init(sleeper_patch_init);
module_exit(sleeper_patch_exit);
MODULE_DESCRIPTION("Live patch of a function to sleep in");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
