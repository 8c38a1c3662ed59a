//! `cargo xtask init` in other repositories.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flipless_testing::programs::workspace;
use tempfile::TempDir;

const MAIN: (&str, &str) = ("src/main.rs", "fn main() {}\n");
const SHOP: (&str, &str) = (
    "Cargo.toml",
    "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
);

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn init(dir: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("init").arg(dir).args(options);
    // flipless's Cargo.lock names every version, so cargo has nothing to look up.
    command.env("CARGO_NET_OFFLINE", "true");
    command
}

/// Another repository.
struct Repository(TempDir);

impl Repository {
    fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        write(repository.0.path(), files);
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Runs `init` with the path of flipless, which must succeed. Returns its messages.
    #[track_caller]
    fn init(&self, options: &[&str]) -> String {
        let output = init(self.path(), &[&["--path"], options].concat()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }

    /// Runs `init` again. Asserts that it changes nothing, and that its messages say so.
    #[track_caller]
    fn is_complete(&self, options: &[&str]) {
        let before = contents(self.path());
        let said = self.init(options);
        assert_eq!(contents(self.path()), before);
        assert!(said.contains("Unchanged"), "{said}");
        assert!(
            !said.contains("Created") && !said.contains("Changed"),
            "{said}"
        );
    }

    /// Runs `init`, which must fail and change nothing. Returns its messages.
    #[track_caller]
    fn refused(&self, options: &[&str]) -> String {
        let before = contents(self.path());
        let output = init(self.path(), &[&["--path"], options].concat()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(output.stdout.is_empty());
        assert_eq!(contents(self.path()), before);
        said(&output)
    }
}

/// Returns the paths and contents of all files below a folder, without git's own files.
fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let entries = walkdir::WalkDir::new(folder).into_iter();
    let entries = entries.filter_entry(|entry| entry.file_name() != ".git");
    let files = entries
        .map(Result::unwrap)
        .filter(|entry| !entry.path_is_symlink());
    let read = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    files
        .map(|entry| (entry.path().to_owned(), read(entry.path())))
        .collect()
}

/// Makes a server with its own workspace. Its `target` is a link to the target directory of the tests, which already
/// contains the agent and the relay. The path is the same in every test run, so that cargo compiles the package only
/// once.
fn shop() -> PathBuf {
    let shop = Path::new(env!("CARGO_TARGET_TMPDIR")).join("init/shop");
    let _ = fs::remove_dir_all(&shop);
    write(
        &shop,
        &[(SHOP.0, &format!("{}\n[workspace]\n", SHOP.1)), MAIN],
    );
    symlink(target(), shop.join("target")).unwrap();
    shop
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

#[test]
fn the_commands_work_in_another_repository() {
    let shop = shop();
    // With the name `xtask`, the new program would replace the program of this test in the target directory.
    let options = ["--path", "--name", "shop-tasks"];
    let first = init(&shop, &options).output().unwrap();
    assert!(first.status.success(), "{}", said(&first));
    let lines = String::from_utf8_lossy(&first.stdout).into_owned();
    for line in [
        "flipless = { path = ",
        "Result<(), flipless::ServeError>",
        "flipless::serve(app).await",
    ] {
        assert!(lines.contains(line), "{lines}");
    }
    let cargo = |words: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap());
        cargo.arg("shop-tasks").args(words).current_dir(&shop);
        // cargo has set this variable to the package of this test. A shell does not set it.
        cargo
            .env_remove("CARGO_MANIFEST_DIR")
            .env("CARGO_TARGET_DIR", target());
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let zip = cargo(&["dist", "--out", "out"]);
    let zip = zip.trim();
    assert_eq!(zip, "out/shop-0.1.0-x86_64.zip");
    assert!(cargo(&["check", zip]).contains("ok    Procfile"));
    assert_eq!(cargo(&["diff", zip, zip, "--exit-code"]), "");
    let plan = cargo(&["dist", "--plan"]);
    for name in ["bin/shop", "bin/flipless", "bin/flipless-relay"] {
        assert!(plan.contains(&format!("0755 {name} ")), "{plan}");
    }
    let help = cargo(&["help"]);
    assert!(
        help.contains("rehearse") && !help.contains("init"),
        "{help}"
    );
    fs::remove_dir_all(shop.join("out")).unwrap();
    let before = contents(&shop);
    let second = init(&shop, &options).output().unwrap();
    assert!(contents(&shop) == before, "{}", said(&second));
    assert!(!said(&second).contains("Changed"), "{}", said(&second));
}

#[test]
fn what_exists_stays_and_what_changes_is_named() {
    let config = "# ours\n[alias]\nb = \"build\"\n";
    let repository = Repository::with(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"*\"] # all\nexclude = [\".git\", \".cargo\", \".platform\"]\nresolver = \"3\"\n",
        ),
        ("shop/Cargo.toml", SHOP.1),
        ("shop/src/main.rs", MAIN.1),
        (".cargo/config.toml", config),
        (".gitignore", "*.zip"),
        (".platform/hooks/predeploy/1.sh", "#!/bin/sh\n"),
    ]);
    let mut git = Command::new("git");
    git.args(["init", "--quiet"]).current_dir(repository.path());
    assert!(git.status().unwrap().success());
    let said = repository.init(&[]);
    for line in [
        "Created xtask/",
        "Created flipless.toml",
        "Changed .cargo/config.toml",
        "Changed Cargo.toml: `exclude`",
        "Changed .gitignore",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(repository.text(".cargo/config.toml").starts_with(config));
    assert_eq!(repository.text(".gitignore"), "*.zip\n/target\n");
    let settings = repository.text("flipless.toml");
    assert!(
        settings.contains("bin = \"shop\"\n") && settings.contains("\".platform\""),
        "{settings}"
    );
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap());
    cargo.args([
        "metadata",
        "--format-version=1",
        "--offline",
        "--quiet",
        "--manifest-path",
    ]);
    let metadata = cargo
        .arg(repository.path().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", self::said(&metadata));
    repository.is_complete(&[]);
    // A user's own changes stay, too.
    write(
        repository.path(),
        &[("xtask/src/main.rs", "fn main() {}\n")],
    );
    fs::write(
        repository.path().join("flipless.toml"),
        settings + "\n# ours\n",
    )
    .unwrap();
    repository.is_complete(&[]);
    fs::remove_file(repository.path().join("xtask/src/main.rs")).unwrap();
    assert!(repository.init(&[]).contains("Created xtask/src/main.rs"));
}

#[test]
fn a_repository_with_an_xtask_of_its_own_gets_another_name() {
    let own = [
        (
            "xtask/Cargo.toml",
            "[package]\nname = \"xtask\"\nedition = \"2024\"\n",
        ),
        ("xtask/src/main.rs", MAIN.1),
        (
            ".cargo/config.toml",
            "[alias]\nxtask = \"run -p xtask --\"\n",
        ),
    ];
    let root = format!("{}\n[workspace]\nmembers = [\"xtask\"]\n", SHOP.1);
    let repository = Repository::with(&[&own[..], &[MAIN, ("Cargo.toml", &root)]].concat());
    let said = repository.refused(&[]);
    assert!(
        said.contains("hint: ") && said.contains("--name flipless"),
        "{said}"
    );
    fs::rename(
        repository.path().join("xtask"),
        repository.path().join("tools"),
    )
    .unwrap();
    fs::write(repository.path().join("Cargo.toml"), SHOP.1).unwrap();
    let said = repository.refused(&[]);
    assert!(said.contains("already has an alias `xtask`"), "{said}");
    repository.init(&["--name", "flipless"]);
    let config = repository.text(".cargo/config.toml");
    assert!(
        config.starts_with(own[2].1) && config.contains("\nflipless = "),
        "{config}"
    );
    repository.is_complete(&["--name", "flipless"]);
}

#[test]
fn a_server_that_cargo_does_not_build_is_started_by_its_procfile() {
    let repository = Repository::with(&[
        ("Procfile", "worker: ./work\nweb: ./shop --quiet\n"),
        ("shop", "#!/bin/sh\nexec sleep 1\n"),
        ("work", "#!/bin/sh\n"),
        (".env", "SECRET=1\n"),
        ("old.zip", ""),
    ]);
    repository.init(&[]);
    let settings = repository.text("flipless.toml");
    assert!(
        settings.contains("command = \"./shop --quiet\"\n"),
        "{settings}"
    );
    for (name, is_there) in [
        ("Procfile", true),
        ("shop", true),
        ("work", true),
        (".env", false),
        ("old.zip", false),
    ] {
        assert_eq!(
            settings.contains(&format!("    \"{name}\",\n")),
            is_there,
            "{name}: {settings}"
        );
    }
    let mut plan = Command::new(env!("CARGO_BIN_EXE_xtask"));
    plan.args(["dist", "--plan", "--config"])
        .arg(repository.path().join("flipless.toml"));
    let plan = plan.output().unwrap();
    assert!(plan.status.success(), "{}", said(&plan));
    repository.is_complete(&[]);
}

#[test]
fn a_git_dependency_is_pinned_and_can_move() {
    // This repository stands for flipless. It also has a package `xtask`, but without dependencies.
    let flipless = Repository::with(&[
        (
            "xtask/Cargo.toml",
            "[package]\nname = \"xtask\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        ),
        ("xtask/src/lib.rs", ""),
    ]);
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(words);
        let output = git.current_dir(flipless.path()).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "first"]);
    let first = git(&["rev-parse", "HEAD"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "second"]);
    let second = git(&["rev-parse", "HEAD"]);
    let url = format!("file://{}", flipless.path().display());
    let repository = Repository::with(&[SHOP, MAIN, ("Cargo.lock", "version = 4\n")]);
    let home = tempfile::tempdir().unwrap();
    let pin = |rev: &str| {
        let mut command = init(repository.path(), &["--git", &url, "--rev", rev]);
        command
            .env("CARGO_NET_OFFLINE", "false")
            .env("CARGO_HOME", home.path());
        command.output().unwrap()
    };
    let unknown = "0123456789012345678901234567890123456789";
    let before = contents(repository.path());
    let refused = pin(unknown);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(
        said(&refused).contains("is the commit pushed?"),
        "{}",
        said(&refused)
    );
    assert_eq!(contents(repository.path()), before);
    for rev in [&first, &second] {
        let output = pin(rev);
        assert!(output.status.success(), "{}", said(&output));
        let line = format!("git = \"{url}\", rev = \"{rev}\" }}\n");
        assert!(repository.text("xtask/Cargo.toml").contains(&line));
        assert!(
            repository
                .text("xtask/Cargo.lock")
                .contains(&format!("#{rev}\"\n"))
        );
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(&line),
            "the library"
        );
    }
    let before = contents(repository.path());
    assert_eq!(pin(unknown).status.code(), Some(1));
    let same = init(repository.path(), &[]).output().unwrap();
    assert!(same.status.success(), "{}", said(&same));
    assert_eq!(
        contents(repository.path()),
        before,
        "without an option the pin stays"
    );
}

#[test]
fn a_repository_without_a_clear_server_is_refused_with_the_options_that_name_it() {
    let empty = Repository::with(&[]);
    let said = empty.refused(&[]);
    assert!(
        said.contains("hint: ") && said.contains("--command") && said.contains("--wrap"),
        "{said}"
    );
    let library = Repository::with(&[SHOP, ("src/lib.rs", "")]);
    assert!(library.refused(&[]).contains("no package of"));
    let bins = Repository::with(&[SHOP, ("src/bin/a.rs", MAIN.1), ("src/bin/b.rs", MAIN.1)]);
    let said = bins.refused(&[]);
    assert!(said.contains("with --bin: a, b"), "{said}");
    let b = SHOP.1.replace("shop", "b");
    let two = Repository::with(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n",
        ),
        ("a/Cargo.toml", &SHOP.1.replace("shop", "a")),
        ("a/src/main.rs", MAIN.1),
        ("b/Cargo.toml", &b),
        ("b/src/main.rs", MAIN.1),
    ]);
    let said = two.refused(&[]);
    assert!(said.contains("with --package: a, b"), "{said}");
    assert!(two.refused(&["--package", "c"]).contains("no package `c`"));
    two.init(&["--package", "b"]);
    assert!(
        two.text("flipless.toml")
            .contains("package = \"b\"\nbin = \"b\"\n")
    );
    two.is_complete(&[]);
}

#[test]
fn a_folder_that_cannot_be_used_is_refused() {
    let broken = Repository::with(&[SHOP, MAIN, ("flipless.toml", "[serve]\n")]);
    assert!(broken.refused(&[]).contains("flipless.toml:1"));
    let other = Repository::with(&[SHOP, MAIN, ("xtask", "")]);
    assert!(
        other
            .refused(&[])
            .contains("not a package that `init` wrote")
    );
    let bytes = Repository::with(&[SHOP, MAIN]);
    fs::write(bytes.path().join("flipless.toml"), [0xff]).unwrap();
    assert!(bytes.refused(&[]).contains("UTF-8"));
    // Not even root can write to this folder.
    let output = init(Path::new("/sys/kernel"), &["--path", "--command", "./shop"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("cannot write to /sys/kernel"),
        "{}",
        said(&output)
    );
    let itself = init(workspace(), &["--path"]).output().unwrap();
    assert_eq!(itself.status.code(), Some(1));
    assert!(
        said(&itself).contains("is flipless itself"),
        "{}",
        said(&itself)
    );
    for (dir, part) in [
        ("/no-such-folder", "No such file"),
        ("/etc/passwd", "a file, not a folder"),
    ] {
        let output = init(Path::new(dir), &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(part), "{}", said(&output));
    }
}
