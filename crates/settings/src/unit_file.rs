//! Parses unit files in the same way as systemd (systemd.syntax(7)).

/// One line `Key=Value`, with its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The section's name, without brackets.
    pub section: String,
    /// The text left of the `=`.
    pub key: String,
    /// The text right of the `=`.
    pub value: String,
}

/// Returns every directive of a unit file, in order.
///
/// ```
/// let unit = flipless_settings::unit_file::parse("[Socket]\n ListenStream = 0.0.0.0:80\n");
/// assert_eq!(unit[0].key, "ListenStream");
/// assert_eq!(unit[0].value, "0.0.0.0:80");
/// ```
pub fn parse(text: &str) -> Vec<Directive> {
    // Removes comments first, because a comment inside a continued line does not end that line.
    let comment = |line: &&str| line.trim_start().starts_with(['#', ';']);
    let mut joined = String::new();
    for line in text.lines().filter(|line| !comment(line)) {
        match line.strip_suffix('\\') {
            Some(start) => joined.extend([start, " "]),
            None => joined.extend([line, "\n"]),
        }
    }
    let mut section = "";
    let mut directives = Vec::new();
    for line in joined.lines().map(str::trim) {
        let header = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'));
        section = header.unwrap_or(section);
        if let Some((key, value)) = line.split_once('=').filter(|_| header.is_none()) {
            directives.push(Directive {
                section: section.into(),
                key: key.trim().into(),
                value: value.trim().into(),
            });
        }
    }
    directives
}

/// Returns every value of a key, in order. systemd uses the last value. For a list, systemd uses all values after the
/// last empty value.
pub fn values<'a>(
    directives: &'a [Directive],
    section: &'a str,
    key: &'a str,
) -> impl DoubleEndedIterator<Item = &'a str> {
    let same = move |directive: &&Directive| directive.section == section && directive.key == key;
    let found = directives.iter().filter(same);
    found.map(|directive| directive.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_comments_and_continued_lines_are_read_as_systemd_does() {
        let text = "[Unit]\nA=1\n# B=2\n[Service]\nA = 2\nExecStart=x \\\n; y\n  z\nA=3\nA\n";
        let unit = parse(text);
        assert_eq!(values(&unit, "Unit", "A").next_back(), Some("1"));
        assert_eq!(values(&unit, "Service", "A").next_back(), Some("3"));
        assert_eq!(values(&unit, "Unit", "B").next_back(), None);
        let command = values(&unit, "Service", "ExecStart").next_back();
        assert!(command.is_some_and(|words| words.split_whitespace().eq(["x", "z"])));
    }
}
