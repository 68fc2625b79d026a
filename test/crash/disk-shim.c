/*
 * A disk that fails when it is told to, for one process: LD_PRELOAD=... DISK_FOLDER=... DISK_ORDERS=... DISK_LOG=... node ...
 *
 * It stands before those calls of the C library through which Node.js writes, and is concerned with the files of DISK_FOLDER alone. The file
 * DISK_ORDERS is read at each call:
 *
 *   sync       fsync and fdatasync fail with EIO
 *   full       nothing more can be written: ENOSPC, as where each write takes a new place (Btrfs, ZFS)
 *   full N     the same after N more writes
 *   full grow  only what makes a file longer fails, as on ext4 and XFS
 *   (empty)    all is well
 *
 * A sync that succeeds syncs nothing: nobody pulls the plug. DISK_LOG gets a line for each: "PID main|other CALL ok|failed SIZE PATH", where main is
 * the process's first thread. What lies behind the SIZE of the last one that succeeded is what a power cut may take.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whether the file is on the disk that may fail. */
static int concerns(int fd, char *path, size_t size) {
  const char *folder = getenv("DISK_FOLDER");
  char link[40];
  ssize_t length;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = folder ? readlink(link, path, size - 1) : -1;
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0 && path[strlen(folder)] == '/';
}

static void read_orders(char *orders, size_t size) {
  int fd = open(getenv("DISK_ORDERS"), O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, orders, size - 1);
  if (fd >= 0) close(fd);
  orders[length < 0 ? 0 : length] = 0;
}

static long size_of(int fd) {
  struct stat about;
  return fstat(fd, &about) == 0 ? (long)about.st_size : -1;
}

/* Whether a write that ends there finds no room. */
static int is_full(int fd, long end) {
  static char last[80];
  static long left;
  char path[4096], orders[80];
  if (!concerns(fd, path, sizeof path)) return 0;
  read_orders(orders, sizeof orders);
  if (strncmp(orders, "full", 4) != 0) {
    last[0] = 0;
    return 0;
  }
  if (strcmp(orders, "full grow") == 0) return end > size_of(fd);
  if (strcmp(orders, last) != 0) {
    strcpy(last, orders);
    left = atol(orders + 4);
  }
  return left-- <= 0;
}

static int fails(int error) {
  errno = error;
  return -1;
}

static int sync_file(int fd, const char *call, long number) {
  char path[4096], orders[80], line[4300];
  int failed, log, length;
  if (!concerns(fd, path, sizeof path)) return (int)syscall(number, fd);
  read_orders(orders, sizeof orders);
  failed = strcmp(orders, "sync") == 0;
  length = snprintf(line, sizeof line, "%d %s %s %s %ld %s\n", (int)getpid(),
                    syscall(SYS_gettid) == getpid() ? "main" : "other", call, failed ? "failed" : "ok", size_of(fd), path);
  log = open(getenv("DISK_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log < 0 || syscall(SYS_write, log, line, length) != length) abort();
  close(log);
  return failed ? fails(EIO) : 0;
}

int fsync(int fd) { return sync_file(fd, "fsync", SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, "fdatasync", SYS_fdatasync); }

ssize_t write(int fd, const void *bytes, size_t size) {
  if (is_full(fd, lseek(fd, 0, SEEK_CUR) + (long)size)) return fails(ENOSPC);
  return syscall(SYS_write, fd, bytes, size);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  return is_full(fd, at + (long)size) ? fails(ENOSPC) : syscall(SYS_pwrite64, fd, bytes, size, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return pwrite64(fd, bytes, size, at); }

/* To make a file shorter is always possible. */
int ftruncate64(int fd, off64_t size) {
  return size > size_of(fd) && is_full(fd, size) ? fails(ENOSPC) : (int)syscall(SYS_ftruncate, fd, size);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
