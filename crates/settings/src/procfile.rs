//! The lines of a Procfile, as EB reads them, and the programs that they start.
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

/// Returns whether EB's pattern allows the name.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(plain)
}

/// Returns whether EB would overwrite a unit of flipless or of nginx with the unit of a process of this name.
pub fn is_taken(name: &str) -> bool {
    name == "nginx" || name.starts_with("flipless")
}

/// Returns the program that a command line starts: the first word that is neither a variable nor `exec`. Returns `None`
/// if the shell interprets this word, because then the program is unknown.
///
/// ```
/// use flipless_settings::procfile::program;
/// assert_eq!(program("RUST_LOG=info exec ./shop -v"), Some("./shop"));
/// assert_eq!(program("(cd web && ./run)"), None);
/// ```
pub fn program(command: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    let is_variable = |word: &str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    let mut words = command.split_whitespace();
    let word = words.find(|word| *word != "exec" && !is_variable(word))?;
    word.chars().all(plain).then_some(word)
}

/// Returns the path in the bundle of a command line's program; `None` if the program is not in the bundle. A command
/// line runs in `/var/app/current`. A shell looks up a name without a slash in `PATH`, not in that folder.
///
/// ```
/// use flipless_settings::procfile::program_in_bundle;
/// assert_eq!(program_in_bundle("exec ./shop -v"), Some("shop"));
/// assert_eq!(program_in_bundle("/var/app/current/bin/shop"), Some("bin/shop"));
/// assert_eq!(program_in_bundle("java -jar shop.jar"), None);
/// ```
pub fn program_in_bundle(command: &str) -> Option<&str> {
    let program = program(command).filter(|program| program.contains('/'))?;
    let below = ["/var/app/current/", "./"].iter();
    let below = below.filter_map(|place| program.strip_prefix(place));
    let name = below.chain([program]).next()?;
    (!name.starts_with('/') && !name.split('/').any(|part| part == "..")).then_some(name)
}
