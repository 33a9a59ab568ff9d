/* Stands between a process and its disk: for Linux, loaded with LD_PRELOAD, made and used by disk_kit.py.
 *
 * It sees, in one order over all threads, every change below one directory and every byte that goes over TCP. It can
 * write them down with their data, kill the process right after one of them, and let one of them fail. The process
 * is told by its environment; one that forks children calls `disk_shim_begin` in each of them.
 *
 *   CHAOS_DISK_BELOW   the directory; nothing is done without it
 *   CHAOS_DISK_LOG     the file that everything is written to, for each operation a line
 *                      "kind TAB errno TAB offset TAB number of bytes TAB path" and then the bytes
 *   CHAOS_DISK_RULES   rules divided by ";", each "action kind suffix first times":
 *                      action  KILL after the operation; SHORT: write only half; or an errno to fail with, undone
 *                      kind    write truncate sync syncdir create rename unlink mkdir send recv, or any
 *                      suffix  how the file's name ends, or *
 *                      first   the number of the first such operation that is meant, from 1
 *                      times   how many of them from there on; 0 = all
 *
 * Everything below is done by raw system calls, so what the shim does itself is never seen by the shim.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FDS 1024
#define MOST_RULES 8

enum action { KILL = -1, SHORT = -2 }; /* any other is an errno */

struct rule {
    int action;
    char kind[16];
    char suffix[64];
    long first, times;
    long seen;
};

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char below[PATH_MAX];
static size_t below_len;
static int log_fd = -1;
static struct rule rules[MOST_RULES];
static int rule_count;
static char *names[MOST_FDS]; /* of watched files; "" = a TCP connection */
static char is_dir[MOST_FDS];

static void read_rules(const char *text) {
    char copy[1024], action[16], *place = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *one = strtok_r(copy, ";", &place); one && rule_count < MOST_RULES; one = strtok_r(NULL, ";", &place)) {
        struct rule *rule = &rules[rule_count];
        memset(rule, 0, sizeof *rule);
        if (sscanf(one, "%15s %15s %63s %ld %ld", action, rule->kind, rule->suffix, &rule->first, &rule->times) != 5)
            abort(); /* a rule that cannot be read must not look like a disk that never fails */
        rule->action = !strcmp(action, "KILL") ? KILL : !strcmp(action, "SHORT") ? SHORT : atoi(action);
        rule_count++;
    }
}

/* Read the environment; the constructor does it for the process itself. */
__attribute__((constructor)) void disk_shim_begin(void) {
    const char *root = getenv("CHAOS_DISK_BELOW"), *log = getenv("CHAOS_DISK_LOG"), *text = getenv("CHAOS_DISK_RULES");
    rule_count = 0;
    below_len = 0;
    if (log_fd >= 0) {
        syscall(SYS_close, log_fd);
        log_fd = -1;
    }
    if (!root)
        return;
    below_len = (size_t)snprintf(below, sizeof below, "%s/", root);
    if (log) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        log_fd = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900); /* out of the way of the process's own */
        syscall(SYS_close, fd);
        if (log_fd < 0)
            abort();
    }
    if (text)
        read_rules(text);
}

static int is_below(const char *path) {
    return below_len && path && strncmp(path, below, below_len) == 0;
}

/* Whether `fd` is watched: a file below the directory, or a TCP connection. */
static const char *watched(int fd) {
    return below_len && fd >= 0 && fd < MOST_FDS ? names[fd] : NULL;
}

static int ends_with(const char *text, const char *suffix) {
    size_t n = strlen(text), m = strlen(suffix);
    return !strcmp(suffix, "*") || (n >= m && !strcmp(text + n - m, suffix));
}

static void put(const char *data, size_t size) {
    while (size) {
        ssize_t n = syscall(SYS_write, log_fd, data, size);
        if (n <= 0)
            abort();
        data += n;
        size -= (size_t)n;
    }
}

static void note(const char *kind, int error, long long offset, const void *data, size_t size, const char *path) {
    char head[PATH_MAX + 100];
    if (log_fd < 0)
        return;
    put(head, (size_t)snprintf(head, sizeof head, "%s\t%d\t%lld\t%zu\t%s\n", kind, error, offset, size, path));
    put(data, size);
}

/* Count an operation that is about to happen; return what the rules want of it, 0 = nothing. */
static int wanted(const char *kind, const char *path) {
    int action = 0;
    for (int i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];
        if ((strcmp(rule->kind, "any") && strcmp(rule->kind, kind)) || !ends_with(path, rule->suffix))
            continue;
        rule->seen++;
        if (!action && rule->seen >= rule->first && (!rule->times || rule->seen < rule->first + rule->times))
            action = rule->action;
    }
    return action;
}

static void die_if(int action) {
    if (action == KILL)
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

static int fail(int action, const char *kind, const char *path) {
    note(kind, action, 0, "", 0, path);
    errno = action;
    return -1;
}

/* One operation without data, by its path: `call` is done between the rules, and written down. */
#define OPERATION(kind, path, offset, data, size, call)                                                                \
    int action_ = wanted(kind, path), result_;                                                                         \
    if (action_ > 0) {                                                                                                 \
        result_ = fail(action_, kind, path);                                                                           \
    } else {                                                                                                           \
        result_ = (int)(call);                                                                                         \
        int error_ = result_ < 0 ? errno : 0;                                                                          \
        note(kind, error_, offset, data, size, path);                                                                  \
        die_if(action_);                                                                                               \
        errno = error_;                                                                                                \
    }

/* ---- names ---- */

static void remember(int fd, int is_directory) {
    char link[64], path[PATH_MAX];
    if (fd < 0 || fd >= MOST_FDS)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (n < 0)
        return;
    path[n] = 0;
    names[fd] = strdup(path);
    is_dir[fd] = (char)is_directory;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    struct stat found;
    int fd;
    if (!is_below(path)) {
        fd = (int)syscall(SYS_openat, at, path, flags, mode);
        if (fd >= 0 && below_len && path && !strncmp(path, below, below_len - 1)) { /* the directory itself */
            pthread_mutex_lock(&order);
            remember(fd, 1);
            pthread_mutex_unlock(&order);
        }
        return fd;
    }
    pthread_mutex_lock(&order);
    int is_there = syscall(SYS_newfstatat, AT_FDCWD, path, &found, 0) == 0;
    if ((flags & O_CREAT) && !is_there) {
        OPERATION("create", path, 0, "", 0, syscall(SYS_openat, at, path, flags, mode));
        fd = result_;
    } else if ((flags & O_TRUNC) && is_there && found.st_size) {
        OPERATION("truncate", path, 0, "", 0, syscall(SYS_openat, at, path, flags, mode));
        fd = result_;
    } else {
        fd = (int)syscall(SYS_openat, at, path, flags, mode);
    }
    int error = errno;
    if (fd >= 0)
        remember(fd, is_there && S_ISDIR(found.st_mode));
    pthread_mutex_unlock(&order);
    errno = error;
    return fd;
}

#define MODE_OF(flags, mode)                                                                                           \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                           \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode = (mode_t)va_arg(more, int);                                                                              \
        va_end(more);                                                                                                  \
    }

int open(const char *path, int flags, ...) { MODE_OF(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_OF(flags, mode) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags, mode) return opened(at, path, flags, mode); }

int close(int fd) {
    if (fd >= 0 && fd == log_fd)
        return 0;
    if (watched(fd)) {
        pthread_mutex_lock(&order);
        free(*names[fd] ? names[fd] : NULL);
        names[fd] = NULL;
        pthread_mutex_unlock(&order);
    }
    return (int)syscall(SYS_close, fd);
}

#define BY_PATH(kind, path, call)                                                                                      \
    if (!is_below(path))                                                                                               \
        return (int)(call);                                                                                            \
    pthread_mutex_lock(&order);                                                                                        \
    OPERATION(kind, path, 0, "", 0, call);                                                                             \
    pthread_mutex_unlock(&order);                                                                                      \
    return result_;

int mkdir(const char *path, mode_t mode) {
    if (syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0) /* nothing is made: no operation */
        return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    BY_PATH("mkdir", path, syscall(SYS_mkdirat, AT_FDCWD, path, mode))
}

int unlink(const char *path) { BY_PATH("unlink", path, syscall(SYS_unlinkat, AT_FDCWD, path, 0)) }

int rename(const char *from, const char *to) {
    if (!is_below(to))
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    pthread_mutex_lock(&order);
    OPERATION("rename", to, 0, from, strlen(from), syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
    pthread_mutex_unlock(&order);
    return result_;
}

/* ---- contents ---- */

/* `offset` < 0: where the file stands. */
static ssize_t written(int fd, const void *data, size_t size, off_t offset) {
    const char *path = watched(fd);
    if (!path || !*path)
        return offset < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, offset);
    pthread_mutex_lock(&order);
    int action = wanted("write", path);
    ssize_t n;
    if (action > 0) {
        n = fail(action, "write", path);
    } else {
        size = action == SHORT && size > 1 ? size / 2 : size;
        if (offset < 0) {
            n = syscall(SYS_write, fd, data, size);
            offset = syscall(SYS_lseek, fd, 0, SEEK_CUR) - (n > 0 ? n : 0); /* right with O_APPEND too */
        } else {
            n = syscall(SYS_pwrite64, fd, data, size, offset);
        }
        int error = n < 0 ? errno : 0;
        note("write", error, offset, data, n > 0 ? (size_t)n : 0, path);
        die_if(action);
        errno = error;
    }
    pthread_mutex_unlock(&order);
    return n;
}

ssize_t write(int fd, const void *data, size_t size) { return written(fd, data, size, -1); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return written(fd, data, size, offset); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return written(fd, data, size, offset); }

#define BY_FD(kind, fd, offset, call)                                                                                  \
    const char *path_ = watched(fd);                                                                                   \
    if (!path_ || !*path_)                                                                                             \
        return (int)(call);                                                                                            \
    pthread_mutex_lock(&order);                                                                                        \
    OPERATION(kind, path_, offset, "", 0, call);                                                                       \
    pthread_mutex_unlock(&order);                                                                                      \
    return result_;

int ftruncate(int fd, off_t size) { BY_FD("truncate", fd, size, syscall(SYS_ftruncate, fd, size)) }
int ftruncate64(int fd, off64_t size) { BY_FD("truncate", fd, size, syscall(SYS_ftruncate, fd, size)) }

static int synced(int fd, long number) { BY_FD(is_dir[fd] ? "syncdir" : "sync", fd, 0, syscall(number, fd)) }
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* ---- connections ---- */

int connect(int fd, const struct sockaddr *to, socklen_t size) {
    if (below_len && fd >= 0 && fd < MOST_FDS && (to->sa_family == AF_INET || to->sa_family == AF_INET6))
        names[fd] = "";
    return (int)syscall(SYS_connect, fd, to, size);
}

/* What went through a connection, in whole or in part; one that would have blocked is no operation. */
#define OVER_TCP(kind, fd, call, data)                                                                                 \
    const char *name_ = watched(fd);                                                                                   \
    if (!name_ || *name_)                                                                                              \
        return call;                                                                                                   \
    pthread_mutex_lock(&order);                                                                                        \
    ssize_t n_ = call;                                                                                                 \
    int error_ = errno;                                                                                                \
    if (n_ > 0) {                                                                                                      \
        int action_ = wanted(kind, "");                                                                                \
        note(kind, 0, fd, data, (size_t)n_, "");                                                                       \
        die_if(action_);                                                                                               \
    }                                                                                                                  \
    pthread_mutex_unlock(&order);                                                                                      \
    errno = error_;                                                                                                    \
    return n_;

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t len) {
    OVER_TCP("send", fd, syscall(SYS_sendto, fd, data, size, flags, to, len), data)
}

ssize_t send(int fd, const void *data, size_t size, int flags) { return sendto(fd, data, size, flags, NULL, 0); }

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    static char whole[1 << 20]; /* guarded by `order`: only filled for what is written down */
    OVER_TCP("send", fd, syscall(SYS_sendmsg, fd, message, flags), ({
        size_t n = 0;
        for (size_t i = 0; i < message->msg_iovlen; i++)
            for (size_t j = 0; j < message->msg_iov[i].iov_len && n < sizeof whole; j++)
                whole[n++] = ((const char *)message->msg_iov[i].iov_base)[j];
        whole;
    }))
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *len) {
    OVER_TCP("recv", fd, syscall(SYS_recvfrom, fd, data, size, flags, from, len), data)
}

ssize_t recv(int fd, void *data, size_t size, int flags) { return recvfrom(fd, data, size, flags, NULL, NULL); }
