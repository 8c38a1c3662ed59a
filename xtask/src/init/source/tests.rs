#![allow(clippy::unwrap_used)]

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// Returns the source that these options choose for a checkout.
fn choose(checkout: &Path, options: &[&str], exists: bool) -> Result<Option<Source>> {
    let words = ["init", "."].iter().chain(options);
    Source::choose(&Cli::parse_from(words).args, checkout, exists)
}

fn run(folder: &Path, words: &[&str]) -> String {
    let user = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    let mut git = tools::git();
    tools::output(git.arg("-C").arg(folder).args(user).args(words)).unwrap()
}

#[test]
fn an_address_of_git_becomes_a_url_without_a_password() {
    for (address, url) in [
        ("https://h/o/flipless.git", "https://h/o/flipless.git"),
        ("https://user:token@h/o/flipless", "https://h/o/flipless"),
        ("https://token@h:8443/o/a@b", "https://h:8443/o/a@b"),
        ("git@h:o/flipless.git", "ssh://git@h/o/flipless.git"),
        ("h:/srv/flipless", "ssh://h/srv/flipless"),
        ("ssh://git@h/o/flipless", "ssh://git@h/o/flipless"),
        ("file:///srv/flipless", "file:///srv/flipless"),
        ("/srv/no-such/flipless", "file:///srv/no-such/flipless"),
    ] {
        assert_eq!(for_cargo(address, Path::new("/work")), url, "{address}");
    }
}

#[test]
fn a_path_is_relative_if_both_folders_are_near() {
    for (from, to, path) in [
        (
            "/home/a/shop/xtask",
            "/home/a/flipless/xtask",
            "../../flipless/xtask",
        ),
        ("/home/a/shop", "/home/a/shop/flipless", "flipless"),
        ("/home/a/shop", "/srv/flipless", "/srv/flipless"),
    ] {
        let found = relative(Path::new(from), Path::new(to));
        assert_eq!(found, Path::new(path), "{from} -> {to}");
    }
}

#[test]
fn the_default_is_the_commit_of_the_remote_if_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let [remote, checkout] = ["remote", "checkout"].map(|name| folder.path().join(name));
    let (of, into) = (remote.to_str().unwrap(), checkout.to_str().unwrap());
    let path = || Some(Source::Path(checkout.clone()));
    run(folder.path(), &["init", "--quiet", into]);
    let commit = ["commit", "--quiet", "--allow-empty", "--message", "a"];
    assert_eq!(choose(&checkout, &[], false).unwrap(), path(), "no commit");
    run(&checkout, &commit);
    assert_eq!(choose(&checkout, &[], false).unwrap(), path(), "no remote");
    run(folder.path(), &["clone", "--quiet", "--bare", into, of]);
    run(&checkout, &["remote", "add", "somewhere", of]);
    run(&checkout, &["fetch", "--quiet", "somewhere"]);
    let at = |rev: String| {
        let url = format!("file://{}", remote.canonicalize().unwrap().display());
        Some(Source::Git { url, rev })
    };
    let head = run(&checkout, &["rev-parse", "HEAD"]);
    assert_eq!(choose(&checkout, &[], false).unwrap(), at(head.clone()));
    run(&checkout, &commit);
    assert_eq!(choose(&checkout, &[], false).unwrap(), path(), "not pushed");
    let named = choose(&checkout, &["--rev", &head], false);
    assert_eq!(named.unwrap(), at(head), "the named commit");
    run(&checkout, &["tag", "v1"]);
    let tagged = choose(&checkout, &[], false).unwrap();
    assert!(
        matches!(tagged, Some(Source::Git { .. })),
        "a clone of a tag"
    );
    assert_eq!(choose(&checkout, &["--path"], false).unwrap(), path());
    assert_eq!(
        choose(&checkout, &[], true).unwrap(),
        None,
        "it has a source"
    );
}

#[test]
fn a_commit_without_a_repository_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = choose(folder.path(), &["--rev", "v1"], false).unwrap_err();
    assert!(error.to_string().contains("no git repository"), "{error}");
    let url = "https://h/x".to_owned();
    let both = choose(folder.path(), &["--git", &url, "--rev", "v1"], true).unwrap();
    assert_eq!(
        both,
        Some(Source::Git {
            url,
            rev: "v1".into()
        })
    );
}
