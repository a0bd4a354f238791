// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int show_greeting(struct seq_file *file, void *unused)
{
	seq_puts(file, "not patched\n");
	return 0;
}

static int __init greeting_init(void)
{
	return proc_create_single("greeting", 0444, NULL, show_greeting) ? 0 : -ENOMEM;
}

static void __exit greeting_exit(void)
{
	remove_proc_entry("greeting", NULL);
}

module_init(greeting_init);
module_exit(greeting_exit);
MODULE_LICENSE("GPL");
