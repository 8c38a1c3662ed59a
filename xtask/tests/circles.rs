//! No two files of xtask use each other, not even over a third one: each is read after those that it uses.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// A file by its path in the crate: `["dist", "build"]`.
type Module = Vec<String>;

/// The modules, each with its text up to its tests; what tests use makes no circle.
fn modules() -> BTreeMap<Module, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = WalkDir::new(&src).into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "rs"));
    let module = |file: walkdir::DirEntry| {
        let path = file.path().strip_prefix(&src).unwrap().with_extension("");
        let module: Module = path
            .iter()
            .map(|part| part.to_str().unwrap().into())
            .collect();
        let text = fs::read_to_string(file.path()).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let code = code.take_while(|line| {
            !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test")
        });
        (module, code.collect::<Vec<_>>().join(" "))
    };
    let all = files.map(module);
    all.filter(|(module, _)| module != &["main"] && !module.contains(&"tests".to_owned()))
        .collect()
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn expanded(tree: &str) -> Vec<String> {
    let Some((start, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in inside.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(letter),
        }
    }
    let below = parts.iter().filter(|part| !part.trim().is_empty());
    below
        .flat_map(|part| expanded(&format!("{}{}", start.trim(), part.trim())))
        .collect()
}

/// Every path in a module's text: of its `use` lines, and written out in its code.
fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in text.split(';') {
        let words = statement.trim_start_matches(['}', ' ']);
        let used = words
            .strip_prefix("use ")
            .or(words.strip_prefix("pub use "));
        match used {
            Some(tree) => found.extend(expanded(tree)),
            None => {
                let path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                let words = statement
                    .split(|c| !path(c))
                    .filter(|word| word.contains("::"));
                found.extend(words.map(str::to_owned));
            }
        }
    }
    found
}

/// The module that a path in `from` leads to, if it is one of the crate's.
fn target(path: &str, from: &Module, all: &BTreeMap<Module, String>) -> Option<Module> {
    let mut parts = path.split("::").peekable();
    let mut place = from.clone();
    match *parts.peek()? {
        "crate" => {
            parts.next();
            place.clear();
        }
        "super" => {
            while parts.next_if_eq(&"super").is_some() {
                place.pop();
            }
        }
        "self" => drop(parts.next()),
        child => {
            let child: Module = [from.clone(), vec![child.to_owned()]].concat();
            all.get(&child)?;
        }
    }
    for part in parts {
        place.push(part.trim().to_owned());
        if !all.contains_key(&place) {
            place.pop();
            break;
        }
    }
    (place != *from && all.contains_key(&place)).then_some(place)
}

#[test]
fn no_files_use_each_other() {
    let all = modules();
    let mut uses: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, text) in &all {
        let paths = paths(text);
        let targets = paths.iter().filter_map(|path| target(path, module, &all));
        uses.insert(module.clone(), targets.collect());
    }
    assert!(
        uses.values().map(BTreeSet::len).sum::<usize>() > 100,
        "uses are found"
    );
    // What uses nothing that is left is removed, until all is, or circles are left.
    while let Some(last) = uses.iter().find(|(_, below)| below.is_empty()) {
        let last = last.0.clone();
        uses.remove(&last);
        for below in uses.values_mut() {
            below.remove(&last);
        }
    }
    assert_eq!(uses, BTreeMap::new(), "these use each other");
}
