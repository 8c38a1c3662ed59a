//! Frees memory that a waiting process does not need.
#![allow(unsafe_code)]

use std::fs;

use rustix::mm::{Advice, madvise};

/// Makes the kernel drop the resident pages of this program's code. A stand-in only waits, so it does not need the
/// pages that its start has touched. If the stand-in runs their code again, the kernel reads the pages from the file.
pub fn drop_code_pages() {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for (start, length) in maps.lines().filter_map(code_range) {
        // SAFETY: the range is one whole mapping of this process, as the kernel lists it, that is
        // executable, not writable and backed by a file. MADV_DONTNEED on it loses nothing: the
        // next access reads the page from the file (madvise(2)). A running executable can't be
        // written (ETXTBSY, execve(2)), and an update replaces it by a rename.
        let dropped = unsafe { madvise(start as *mut _, length, Advice::LinuxDontNeed) };
        debug_assert!(dropped.is_ok());
    }
}

/// Parses a line such as `00251000-0035d000 r-xp 00051000 08:01 1234 /opt/flipless/bin/flipless`
/// (proc_pid_maps(5)) into the start and the length of a mapping of code.
fn code_range(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let executable = fields.next()? == "r-xp";
    let inode = fields.nth(2)?;
    if !executable || inode == "0" {
        return None;
    }
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_that_comes_from_a_file_counts() {
        let code = "00251000-0035d000 r-xp 00051000 08:01 1234 /opt/flipless/bin/flipless";
        assert_eq!(code_range(code), Some((0x25_1000, 0x10_c000)));
        for line in [
            "00362000-00366000 rw-p 00151000 08:01 1234 /opt/flipless/bin/flipless",
            "0035d000-00362000 r--p 0015c000 08:01 1234 /opt/flipless/bin/flipless",
            "7f97ef432000-7f97ef434000 r-xp 00000000 00:00 0 [vdso]",
            "",
        ] {
            assert_eq!(code_range(line), None, "{line}");
        }
    }

    #[test]
    fn the_process_runs_on_without_its_pages() {
        drop_code_pages();
        assert_eq!("still here".len(), 10);
    }
}
