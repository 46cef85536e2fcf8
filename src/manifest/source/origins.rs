//! Which overlay wrote which part of a manifest, and the order in which files are applied. An overlay has the same structure
//! as the manifests that it changes, so only the file of a spot differs, not its pointer.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Spot;

#[derive(Debug, Default)]
pub(super) struct Origins {
    /// For each changed file, the pointers of the changed nodes, and the overlay that wrote each of them.
    written: BTreeMap<usize, BTreeMap<String, usize>>,
    /// When each file is applied. An overlay that is named again is applied again, so its last position counts.
    positions: BTreeMap<usize, usize>,
}

impl Origins {
    /// Records that an overlay wrote or removed a node. What earlier overlays wrote below it is gone.
    pub(super) fn set(&mut self, node: Spot, overlay: usize) {
        let Spot { source, pointer, part: _ } = node;
        let of_file = self.written.entry(source).or_default();
        let below = format!("{pointer}/");
        let range = of_file.range(below.clone()..).take_while(|(known, _)| known.starts_with(&below));
        let replaced: Vec<String> = range.map(|(known, _)| known.clone()).collect();
        for known in &replaced {
            of_file.remove(known);
        }
        of_file.insert(pointer, overlay);
    }

    /// The file that contains a node: the overlay that wrote it or the nearest node above it, or otherwise its own file.
    pub(super) fn file_of(&self, spot: &Spot) -> usize {
        let Some(of_file) = self.written.get(&spot.source) else { return spot.source };
        let mut pointer = spot.pointer.as_str();
        loop {
            if let Some(overlay) = of_file.get(pointer) {
                return *overlay;
            }
            match pointer.rsplit_once('/') {
                Some((above, _)) => pointer = above,
                None => return spot.source,
            }
        }
    }

    /// Whether an overlay wrote or removed this node, and not only a node above or below it.
    pub(super) fn is_set(&self, node: &Spot) -> bool {
        self.written.get(&node.source).is_some_and(|of_file| of_file.contains_key(&node.pointer))
    }

    /// The nodes that overlays wrote or removed.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Spot> {
        let spots = |(file, of_file): (&usize, &BTreeMap<String, usize>)| {
            let file = *file;
            of_file.keys().map(move |pointer| Spot::value(file, pointer.clone())).collect::<Vec<_>>()
        };
        self.written.iter().flat_map(spots)
    }

    /// Records when a file is applied.
    pub(super) fn place(&mut self, file: usize, position: usize) {
        self.positions.insert(file, position);
    }

    /// Whether a file is applied after another one.
    pub(super) fn is_later(&self, file: usize, other: usize) -> bool {
        self.positions.get(&file) > self.positions.get(&other)
    }

    /// Whether a later overlay changes anything.
    pub(super) fn is_followed(&self, file: usize) -> bool {
        self.written.values().flat_map(BTreeMap::values).any(|overlay| self.is_later(*overlay, file))
    }

    /// A file, and the files that it changes if it is an overlay.
    pub(super) fn changed_by(&self, file: usize) -> BTreeSet<usize> {
        let changed = self.written.iter().filter(|(_, of_file)| of_file.values().any(|overlay| *overlay == file));
        changed.map(|(changed, _)| *changed).chain([file]).collect()
    }

    /// A file, and the overlays that change it.
    pub(super) fn files_of(&self, file: usize) -> BTreeSet<usize> {
        self.written.get(&file).into_iter().flat_map(BTreeMap::values).copied().chain([file]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(origins: &Origins, pointer: &str) -> usize {
        origins.file_of(&Spot::value(0, pointer))
    }

    #[test]
    fn the_nearest_change_decides_and_later_ones_replace_what_is_below() {
        let mut origins = Origins::default();
        origins.set(Spot::value(0, "/functions/a/environment"), 1);
        origins.set(Spot::value(0, "/functions/a/environment/X"), 2);
        for (pointer, file) in [
            ("", 0),
            ("/functions/a", 0),
            ("/functions/ab", 0),
            ("/functions/a/environment", 1),
            ("/functions/a/environment/X", 2),
            ("/functions/a/environment/XY", 1),
            ("/functions/a/environments", 0),
        ] {
            assert_eq!(file_of(&origins, pointer), file, "{pointer}");
        }
        assert_eq!(origins.file_of(&Spot::value(3, "/functions/a/environment")), 3);
        origins.set(Spot::value(0, "/functions/a"), 4);
        assert_eq!(file_of(&origins, "/functions/a/environment/X"), 4);
        assert_eq!(origins.changed_by(4), BTreeSet::from([0, 4]));
        assert_eq!((origins.changed_by(1), origins.files_of(0)), (BTreeSet::from([1]), BTreeSet::from([0, 4])));
    }
}
