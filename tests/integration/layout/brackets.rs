//! Reads nested brackets in source text.

/// How a character changes the nesting. The `>` of an arrow is not a bracket.
fn depth(before: char, c: char) -> isize {
    match c {
        '(' | '[' | '{' | '<' => 1,
        ')' | ']' | '}' => -1,
        '>' if before != '-' && before != '=' => -1,
        _ => 0,
    }
}

/// The text from its first bracket to the matching one.
pub(super) fn bracketed(text: &str) -> Option<&str> {
    let mut level = 0;
    let mut before = ' ';
    for (index, c) in text.char_indices() {
        level += depth(before, c);
        before = c;
        if level == 0 {
            return Some(&text[..=index]).filter(|found| found.len() > 1);
        }
    }
    None
}

/// The parts between commas outside brackets.
pub(super) fn split(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut level, mut before) = (0, ' ');
    for c in list.chars() {
        level += depth(before, c);
        before = c;
        match parts.last_mut() {
            Some(part) if c != ',' || level > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}
