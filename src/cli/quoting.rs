//! Command lines in messages, quoted for a shell.

/// Flags whose values must not be shown.
const SECRET: [&str; 4] = ["--secret-key", "--security-token", "--token", "--var"];

/// This process's command line with additional arguments. Values that may be secret are left out.
pub(super) fn command_line<'a>(
    arguments: impl IntoIterator<Item = String>,
    more: impl IntoIterator<Item = &'a str>,
) -> String {
    let mut words = vec!["fgctl".to_owned()];
    let mut hides_next = false;
    for argument in arguments.into_iter().skip(1) {
        let (flag, value) =
            argument.split_once('=').map_or((argument.as_str(), None), |(flag, rest)| (flag, Some(rest)));
        let is_secret = SECRET.contains(&flag);
        words.push(match value {
            _ if hides_next => "…".to_owned(),
            Some(_) if is_secret => format!("{flag}=…"),
            _ => quoted(&argument),
        });
        hides_next = is_secret && value.is_none() && !hides_next;
    }
    words.extend(more.into_iter().map(quoted));
    words.join(" ")
}

/// Quotes one word for a POSIX shell.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_copied_and_contains_no_secret() {
        let line = |arguments: &[&str]| {
            command_line(arguments.iter().map(|argument| (*argument).to_owned()), ["--allow-deletes", "7"])
        };
        assert_eq!(
            line(&[
                "/bin/fgctl",
                "apply",
                "my plan",
                "-f",
                "stack",
                "--secret-key",
                "k1",
                "--token=k2",
                "--var",
                "a=k3"
            ]),
            "fgctl apply 'my plan' -f stack --secret-key … --token=… --var … --allow-deletes 7"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
