//! A library that is loaded before the C library and makes the machine fail on demand. The program
//! under test is the built one, unchanged.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The file named by `E2E_FAULTS` holds four numbers of 8 bytes: whether syncs hang, whether the
/// thread `worker-0` can poll no more (its runtime panics then), the seconds by which the wall clock
/// is wrong, and the device on which every write fails like on a disk that the kernel has made
/// read-only (a remount by hand is refused while files are open).
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *faults;
static long none[4];

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("E2E_FAULTS");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(0, 32, PROT_READ, MAP_SHARED, fd, 0);
    faults = map == MAP_FAILED ? none : map;
}

static long fault(int number) { return faults ? faults[number] : 0; }

static void hang(void) {
    struct timespec moment = {0, 20000000};
    while (fault(0)) nanosleep(&moment, 0);
}

int fsync(int fd) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    hang();
    return next(fd);
}

int fdatasync(int fd) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    hang();
    return next(fd);
}

static int read_only(int fd) {
    struct stat found;
    if (!fault(3) || fstat(fd, &found) || (long)found.st_dev != fault(3)) return 0;
    errno = EROFS;
    return 1;
}

ssize_t write(int fd, const void *from, size_t size) {
    static ssize_t (*next)(int, const void *, size_t);
    if (!next) next = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return read_only(fd) ? -1 : next(fd, from, size);
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (!next) next = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return read_only(fd) ? -1 : next(fd, from, size, at);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    return pwrite64(fd, from, size, at);
}

int ftruncate64(int fd, off64_t size) {
    static int (*next)(int, off64_t);
    if (!next) next = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    return read_only(fd) ? -1 : next(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    static int (*next)(int, struct epoll_event *, int, int);
    if (!next) next = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    int found = next(fd, events, most, timeout);
    char name[16] = "";
    if (fault(1) && prctl(PR_GET_NAME, name) == 0 && strcmp(name, "worker-0") == 0) {
        errno = EBADF;
        return -1;
    }
    return found;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = next(id, time);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) time->tv_sec += fault(2);
    return result;
}

int gettimeofday(struct timeval *time, void *zone) {
    static int (*next)(struct timeval *, void *);
    if (!next) next = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int result = next(time, zone);
    if (result == 0 && time) time->tv_sec += fault(2);
    return result;
}
"#;

/// The library and its switches.
pub(super) struct Shim {
    dir: TempDir,
    faults: File,
}

impl Shim {
    /// Builds the library.
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let source = dir.path().join("faults.c");
        std::fs::write(&source, SOURCE).expect("write the library");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(library(dir.path()));
        cc.arg(&source).arg("-ldl");
        assert!(cc.status().expect("a C compiler").success(), "the library compiles");
        let switches = dir.path().join("switches");
        std::fs::write(&switches, [0; 32]).expect("write the switches");
        let faults = File::options().write(true).open(switches).expect("the switches");
        Self { dir, faults }
    }

    /// What the program's environment needs.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let switches = self.dir.path().join("switches");
        vec![
            ("LD_PRELOAD".to_owned(), library(self.dir.path())),
            ("E2E_FAULTS".to_owned(), switches.display().to_string()),
        ]
    }

    /// Makes syncs hang, or go on.
    pub(super) fn syncs_hang(&self, hang: bool) {
        self.switch(0, i64::from(hang));
    }

    /// Ends the first worker thread by an error that no code of ours expects.
    pub(super) fn end_worker(&self) {
        self.switch(1, 1);
    }

    /// Sets the wall clock wrong by so many seconds.
    pub(super) fn clock(&self, seconds: i64) {
        self.switch(2, seconds);
    }

    /// Makes the disk of this directory read-only, or every disk writable.
    pub(super) fn read_only(&self, dir: Option<&str>) {
        use std::os::unix::fs::MetadataExt as _;
        let device = dir.map_or(0, |dir| std::fs::metadata(dir).expect("the directory").dev());
        self.switch(3, device.cast_signed());
    }

    fn switch(&self, number: u64, value: i64) {
        self.faults.write_all_at(&value.to_ne_bytes(), number * 8).expect("the switches");
    }
}

fn library(dir: &Path) -> String {
    dir.join("faults.so").display().to_string()
}
