//! Finds circles between the files of a package: file A uses a name of file B, and B uses a name of A, directly or
//! through other files. A reader can understand a file alone only if the file is in no circle.

mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use paths::{Import, imports, modules, without_tests};

/// A module's path in its package. The path of the root is empty.
type Module = Vec<String>;

struct File {
    path: PathBuf,
    children: Vec<String>,
    imports: Vec<Import>,
}

/// Returns every use that is part of a circle between the files below `source`, as `a.rs uses b.rs`. Omits tests, which
/// may use everything.
pub fn circles(source: &Path) -> Vec<String> {
    let files = read(source, source);
    let mut uses: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    for (module, file) in &files {
        let imports = file.imports.iter();
        let targets = imports.filter_map(|import| target(&files, module, &import.path, 0));
        let others = targets.filter(|target| *target != file.path);
        uses.entry(&file.path).or_default().extend(others);
    }
    let mut circles = Vec::new();
    for (file, targets) in &uses {
        let back = targets
            .iter()
            .filter(|other| reach(&uses, other).contains(file));
        circles.extend(back.map(|other| format!("{} uses {}", file.display(), other.display())));
    }
    circles
}

fn reach<'a>(uses: &BTreeMap<&'a Path, BTreeSet<&'a Path>>, from: &Path) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Path> = uses[from].iter().copied().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(&uses[file]);
        }
    }
    reached
}

/// Returns every file by its module. The root is `lib.rs` or, without one, `main.rs`.
fn read(source: &Path, folder: &Path) -> BTreeMap<Module, File> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap();
        if name == "tests" || name == "main" && source.join("lib.rs").exists() {
            continue;
        }
        if path.is_dir() {
            files.append(&mut read(source, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = without_tests(&fs::read_to_string(&path).unwrap());
            let children = modules(&text);
            let imports = imports(&text, &children);
            let relative = path.strip_prefix(source).unwrap().to_owned();
            let file = File {
                path: relative.clone(),
                children,
                imports,
            };
            files.insert(module(&relative), file);
        }
    }
    files
}

fn module(relative: &Path) -> Module {
    let stem = relative.with_extension("");
    let names = stem.iter().map(|name| name.to_str().unwrap().to_owned());
    names
        .filter(|name| !matches!(name.as_str(), "lib" | "main" | "mod"))
        .collect()
}

/// Returns the file that defines the item of `path` in `module`; `None` if another package defines it. Follows
/// re-exports.
fn target<'a>(
    files: &'a BTreeMap<Module, File>,
    module: &Module,
    path: &[String],
    depth: usize,
) -> Option<&'a Path> {
    let (mut at, names) = start(files, module, path)?;
    for (index, name) in names.iter().enumerate() {
        let child: Module = at.iter().chain([name]).cloned().collect();
        if files.contains_key(&child) {
            at = child;
            continue;
        }
        let renamed = files[&at]
            .imports
            .iter()
            .find(|import| import.name.as_ref() == Some(name));
        let Some(import) = renamed.filter(|_| depth < 8) else {
            break;
        };
        let whole: Vec<_> = import
            .path
            .iter()
            .chain(&names[index + 1..])
            .cloned()
            .collect();
        return target(files, &at, &whole, depth + 1);
    }
    files.get(&at).map(|file| file.path.as_path())
}

/// Returns the module in which `path` begins, and the remaining names.
fn start<'a>(
    files: &BTreeMap<Module, File>,
    module: &Module,
    path: &'a [String],
) -> Option<(Module, &'a [String])> {
    let up = path.iter().take_while(|name| *name == "super").count();
    match path.first().map(String::as_str)? {
        "crate" => Some((Module::new(), &path[1..])),
        "self" => Some((module.clone(), &path[1..])),
        "super" => Some((
            module[..module.len().checked_sub(up)?].to_vec(),
            &path[up..],
        )),
        first => {
            let own = files
                .get(module)?
                .children
                .iter()
                .any(|child| child == first);
            own.then(|| (module.clone(), path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        circles(folder.path()).join(", ")
    }

    #[test]
    fn a_parent_and_its_child_are_a_circle() {
        let parent = "mod child;\nmod other;\npub use child::f;\npub use other::Other;\n";
        let child = "use super::{Other, Shared};\n";
        let files = [("lib.rs", parent), ("other.rs", ""), ("child.rs", child)];
        assert_eq!(found(&files), "child.rs uses lib.rs, lib.rs uses child.rs");
    }

    #[test]
    fn a_name_that_the_parent_only_re_exports_makes_no_circle() {
        let parent = "mod child;\nmod below;\npub use child::f;\npub use below::{Shared as S};\n";
        let files = [
            ("lib.rs", parent),
            ("below.rs", ""),
            ("child.rs", "use super::S;\n"),
        ];
        assert_eq!(found(&files), "");
    }

    #[test]
    fn a_circle_may_be_long_and_a_path_in_the_code_is_a_use() {
        let files = [
            ("main.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "fn f() { crate::b::g(); }\n"),
            ("b.rs", "use crate::c;\nfn g() { c::h() }\n"),
            (
                "c.rs",
                "/// [`crate::x`]\nfn h() { let s = \"crate::x\"; super::a::f() }\n",
            ),
        ];
        assert_eq!(
            found(&files),
            "a.rs uses b.rs, b.rs uses c.rs, c.rs uses a.rs"
        );
    }

    #[test]
    fn tests_may_look_at_everything() {
        let tests = "fn f() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use crate::a::g;\n}\n";
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b::f;\n"),
            ("b.rs", tests),
        ];
        assert_eq!(found(&files), "");
    }
}
