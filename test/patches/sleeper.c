// SPDX-License-Identifier: GPL-2.0
/*
 * Who reads /proc/sleeper sleeps, and no signal wakes it, until somebody
 * writes there: a task that does not leave sleeper_nap().
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/proc_fs.h>

static bool released;

static noinline void sleeper_nap(void)
{
	while (!READ_ONCE(released))
		msleep(20);
}

static ssize_t sleeper_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	WRITE_ONCE(released, false);
	sleeper_nap();
	return 0;
}

static ssize_t sleeper_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	WRITE_ONCE(released, true);
	return size;
}

static const struct proc_ops sleeper_ops = {
	.proc_read = sleeper_read,
	.proc_write = sleeper_write,
};

static int __init sleeper_init(void)
{
	return proc_create("sleeper", 0600, NULL, &sleeper_ops) ? 0 : -ENOMEM;
}

static void __exit sleeper_exit(void)
{
	remove_proc_entry("sleeper", NULL);
}

module_init(sleeper_init);
module_exit(sleeper_exit);
MODULE_DESCRIPTION("A function to sleep in");
MODULE_LICENSE("GPL");
