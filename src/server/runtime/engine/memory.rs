//! How much memory a process and its descendants use, where the system tells: on Linux.

/// MB that a process and its descendants use now; 0 where not known.
#[cfg(target_os = "linux")]
pub(super) fn resident(process: u32) -> f64 {
    match tree(process).as_slice() {
        [alone] => megabytes(field(*alone, "status", "VmRSS:")),
        // What forks share counts once: each has its proportional part.
        all => all.iter().map(|process| megabytes(field(*process, "smaps_rollup", "Pss:"))).sum(),
    }
}

/// MB that a process and its living descendants used at most so far; 0 where not known.
#[cfg(target_os = "linux")]
pub(super) fn peak(process: u32) -> f64 {
    tree(process).into_iter().map(|process| megabytes(field(process, "status", "VmHWM:"))).sum()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn resident(_: u32) -> f64 {
    0.0
}

#[cfg(not(target_os = "linux"))]
pub(super) fn peak(_: u32) -> f64 {
    0.0
}

/// A process and its descendants. Most have none, and one file says so.
#[cfg(target_os = "linux")]
fn tree(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut next = 0;
    while let Some(&process) = found.get(next) {
        found.extend(children(process));
        next += 1;
    }
    found
}

#[cfg(target_os = "linux")]
fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// A field of a file of `/proc/<process>`, in kB; none for a process that is gone.
#[cfg(target_os = "linux")]
fn field(process: u32, file: &str, name: &str) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(target_os = "linux")]
fn megabytes(kilobytes: Option<u32>) -> f64 {
    f64::from(kilobytes.unwrap_or_default()) / 1024.0
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_one_that_is_gone_uses_none() {
        let own = std::process::id();
        assert!(resident(own) > 1.0 && peak(own) >= resident(own) / 2.0);
        assert!((resident(u32::MAX) - 0.0).abs() < f64::EPSILON);
    }
}
