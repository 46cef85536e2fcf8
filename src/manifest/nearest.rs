//! "Did you mean": the known name nearest to one that is unknown.

/// Names that a message lists at most.
const MOST: usize = 40;

/// The nearest of `known`, where that is near enough to be a slip.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let (distance, nearest) = known
        .into_iter()
        // Names of very different lengths are not compared: the distance is at least that difference.
        .filter(|known| known.chars().count().abs_diff(length) <= tolerance(length))
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known))
        .min()?;
    // All letters wrong is another name, however short.
    (distance <= tolerance(length) && distance < length).then_some(nearest)
}

/// A third of the letters may be wrong, and at least one.
fn tolerance(length: usize) -> usize {
    (length / 3).max(1)
}

/// "did you mean `x`?", or else what there is to choose from, as `what` in the plural.
pub fn suggestion<'a>(name: &str, what: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = known.into_iter().collect();
    match (nearest(name, all.iter().copied()), all.len()) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, 0) => format!("no {what} are declared"),
        (None, 1..=MOST) => format!("the {what} are {}", quoted(&all)),
        (None, count) => format!("none of the {count} {what} has a similar name"),
    }
}

/// Names in a sentence.
pub(super) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["max_retries", "max_validity_period", "on_success", "on_failure"];
        assert_eq!(nearest("max_retrys", known), Some("max_retries"));
        assert_eq!(nearest("onFailure", known), Some("on_failure"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("b", ["a"]), None);
        assert_eq!(nearest("", ["abc"]), None);
    }
}
