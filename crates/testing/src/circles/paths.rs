//! Finds the paths in a file: those of its `use` lines, and the full paths in its code.

/// A path that a file uses.
pub(super) struct Import {
    pub path: Vec<String>,
    /// The name that a `use` gives to the item; `None` for a path in the code.
    pub name: Option<String>,
}

/// Returns the code before a file's own tests, which come last, without comments and quoted text.
pub(super) fn without_tests(text: &str) -> String {
    let mut lines = Vec::new();
    let mut gated = false;
    for line in text.lines() {
        if gated && line.starts_with("mod ") && line.ends_with('{') {
            break;
        }
        gated = line.starts_with("#[cfg(test)]")
            || line.starts_with("#[cfg(all(test,")
            || gated && line.starts_with("#[");
        lines.push(code(line));
    }
    lines.join("\n")
}

/// Returns a line without its comment and without quoted text.
fn code(line: &str) -> String {
    let parts = line.split('"').enumerate();
    let code = parts
        .filter(|(index, _)| index % 2 == 0)
        .map(|(_, part)| part);
    let code = code.collect::<Vec<_>>().join("\"");
    code.split("//").next().unwrap().to_owned()
}

/// Returns the modules that a file declares and that are in separate files.
pub(super) fn modules(text: &str) -> Vec<String> {
    let declared = text.lines().filter_map(|line| {
        let line = line.trim_end().strip_suffix(';')?;
        line.rsplit_once("mod ").map(|(_, name)| name.to_owned())
    });
    declared.collect()
}

/// Returns every path that begins with `crate`, `self`, `super` or one of `modules`.
pub(super) fn imports(text: &str, modules: &[String]) -> Vec<Import> {
    let mut imports = Vec::new();
    let mut rest = text;
    while let Some(at) = next_path(rest, modules) {
        let in_use = is_use(&rest[..at]);
        let path = &rest[at..];
        let end = end_of(path, in_use);
        tree(&path[..end], &[], in_use, &mut imports);
        rest = &path[end..];
    }
    imports
}

/// Returns the start of the next path.
fn next_path(text: &str, modules: &[String]) -> Option<usize> {
    let heads = ["crate", "self", "super"].into_iter();
    let heads = heads.chain(modules.iter().map(String::as_str));
    let part_of_name = |c: char| c.is_alphanumeric() || "_:$".contains(c);
    let first = |head: &str| {
        let path = format!("{head}::");
        let mut found = text.match_indices(&path).map(|(at, _)| at);
        found.find(|at| !text[..*at].ends_with(part_of_name))
    };
    heads.filter_map(first).min()
}

fn is_use(before: &str) -> bool {
    before.ends_with("use ")
}

/// Returns the end of a path. A `use` ends with its semicolon. Any other path ends before the first character that
/// can't be part of a name.
fn end_of(path: &str, in_use: bool) -> usize {
    let ends = |c: char| match in_use {
        true => c == ';',
        false => !(c.is_alphanumeric() || c == '_' || c == ':'),
    };
    path.find(ends).unwrap_or(path.len())
}

/// Splits `a::{b, c as d}` into its paths, and adds them to `imports`.
fn tree(text: &str, above: &[String], in_use: bool, imports: &mut Vec<Import>) {
    let text = text.trim();
    let (head, group) = text.split_once('{').unwrap_or((text, ""));
    let (head, name) = head
        .split_once(" as ")
        .map_or((head, None), |(head, name)| (head, Some(name)));
    let names = head
        .split("::")
        .map(str::trim)
        .filter(|name| !matches!(*name, "" | "*"));
    let own = names.filter(|name| *name != "self" || above.is_empty());
    let path: Vec<String> = above.iter().cloned().chain(own.map(String::from)).collect();
    if group.is_empty() {
        let name = name
            .map(|name| name.trim().to_owned())
            .or_else(|| path.last().cloned());
        imports.push(Import {
            path,
            name: name.filter(|_| in_use),
        });
        return;
    }
    let inside = group.rsplit_once('}').map_or(group, |(inside, _)| inside);
    for branch in branches(inside) {
        tree(branch, &path, in_use, imports);
    }
}

/// Splits a text at the commas outside of braces.
fn branches(inside: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inside[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inside[begin..]);
    found.retain(|branch| !branch.trim().is_empty());
    found
}
