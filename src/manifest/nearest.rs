//! "Did you mean": the known name nearest to one that is unknown.

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

/// "did you mean `x`?", or else what there is to choose from.
pub fn suggestion<'a>(name: &str, what: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(nearest) = nearest(name, known.clone()) {
        return format!("did you mean `{nearest}`?");
    }
    let all: Vec<_> = known.into_iter().collect();
    match all.len() {
        0 => format!("no {what} is declared"),
        1..=20 => format!("there is {}", all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        count => format!("none of the {count} has a name like it"),
    }
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
