/** Stands for `wsl-utils`, which loads what spawns processes to find out whether this is Windows: it is not. */
export const isWsl = false;
