//! The lines of a Procfile, as EB reads them.
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/platforms-linux-extend.build-proc.html>

/// Splits a line into the name of its process and the command. EB's pattern for a line is
/// `^[A-Za-z0-9_-]+:\s*[^\s].*$`; `None` for any other line.
///
/// ```
/// use flipless_settings::procfile::process;
/// assert_eq!(process("web:  bin/shop -v "), Some(("web", "bin/shop -v")));
/// assert_eq!(process("# web: bin/shop"), None);
/// ```
pub fn process(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.split_once(':')?;
    let command = command.trim();
    (is_name(name) && !command.is_empty()).then_some((name, command))
}

/// Whether EB's pattern allows the name.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(plain)
}

/// Whether EB would overwrite a unit of flipless or nginx with the unit of a process of this name.
pub fn is_taken(name: &str) -> bool {
    name == "nginx" || name.starts_with("flipless")
}
