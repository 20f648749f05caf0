//! How much memory a process has.

/// Bytes of memory of a process, its part of shared pages only (PSS). Where that may not be read, as of a
/// process that protects itself, all of its pages that are in memory (RSS), which is more. Asking for the
/// first walks the page tables, some milliseconds for a large process: not for a place that must not wait.
/// None when the process is gone.
#[must_use]
pub fn memory(pid: u32) -> Option<u64> {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).ok();
    read("smaps_rollup")
        .and_then(|bytes| kilobytes(&bytes, "Pss:"))
        .or_else(|| read("status").and_then(|bytes| kilobytes(&bytes, "VmRSS:")))
}

/// `Pss:    1234 kB`, in bytes.
fn kilobytes(file: &[u8], name: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(file);
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_as_much_as_it_takes() {
        let me = std::process::id();
        let before = memory(me).unwrap();
        let taken = std::hint::black_box(vec![7_u8; 64 << 20]);
        let after = memory(me).unwrap();
        assert!(after >= before + (60 << 20), "{before} then {after}");
        drop(taken);
    }

    #[test]
    fn only_whole_lines_in_kilobytes_count() {
        let of = |text: &str| kilobytes(text.as_bytes(), "Pss:");
        assert_eq!(of("Rss: 9 kB\nPss:   12 kB\nPss_Dirty: 3 kB\n"), Some(12 << 10));
        for bad in [
            "",
            "Pss_Dirty: 3 kB",
            "Pss:",
            "Pss: x kB",
            "Pss: 3 MB",
            "Pss: 18446744073709551615 kB",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_process_that_is_gone_has_none() {
        assert_eq!(memory(u32::MAX), None);
    }
}
