//! The processes of this machine, read from `/proc` in one pass.

use std::collections::BTreeMap;
use std::fs;

/// The kernel's data about one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    parent: u32,
    pub(super) threads: usize,
    /// In pages, including shared ones.
    pub(super) resident: u64,
}

/// All processes, by their ids.
pub(super) struct Table {
    processes: BTreeMap<u32, Process>,
    children: BTreeMap<u32, Vec<u32>>,
}

impl Table {
    pub(super) fn read() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten();
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Self::new(ids.filter_map(|id: u32| Some((id, parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?))))
    }

    fn new(processes: impl Iterator<Item = (u32, Process)>) -> Self {
        let processes: BTreeMap<u32, Process> = processes.collect();
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (id, process) in &processes {
            children.entry(process.parent).or_default().push(*id);
        }
        Self { processes, children }
    }

    /// Of all processes together.
    pub(super) fn threads(&self) -> usize {
        self.processes.values().map(|process| process.threads).sum()
    }

    pub(super) fn get(&self, id: u32) -> Option<Process> {
        self.processes.get(&id).copied()
    }

    /// Children, their children and so on. Parents come before their children.
    pub(super) fn descendants(&self, id: u32) -> Vec<u32> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(id) = found.get(next) {
            found.extend(self.children.get(id).into_iter().flatten());
            next += 1;
        }
        found.split_off(1)
    }
}

/// Parses `/proc/<id>/stat`: the fields after the name, which is in parentheses and may contain any character.
fn parse(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // The first of these is the third field.
    let field = |number: usize| fields.get(number - 3);
    Some(Process {
        parent: field(4)?.parse().ok()?,
        threads: field(20)?.parse().ok()?,
        resident: field(24)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_may_look_like_fields() {
        let stat = "42 (a) S 9 (b) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 100 4096 25 18446744073709551615 1";
        assert_eq!(parse(stat), Some(Process { parent: 7, threads: 3, resident: 25 }));
        assert_eq!(parse("42 (a) S"), None);
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let process = |parent| Process { parent, threads: 1, resident: 1 };
        let processes = [(1, process(0)), (5, process(1)), (6, process(5)), (7, process(6)), (8, process(1))];
        let table = Table::new(processes.into_iter());
        assert_eq!(table.descendants(5), [6, 7]);
        assert_eq!(table.descendants(1), [5, 8, 6, 7]);
        assert_eq!(table.descendants(9), [0_u32; 0]);
    }

    #[test]
    fn this_process_is_in_the_table() {
        let own = Table::read().get(std::process::id()).expect("this process");
        assert!(own.threads >= 1 && own.resident > 0, "{own:?}");
    }
}
