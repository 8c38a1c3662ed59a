#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// A repository with the file `old`.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        fs::write(repository.path("old"), "old\n").unwrap();
        repository
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn changes(&self) -> Changes {
        let mut changes = Changes::new(self.0.path());
        let folder = changes.new_folder("package").unwrap();
        fs::write(folder.join("file"), "").unwrap();
        changes.file("old", Some("old\n".into()), "new\n".into(), "changed");
        changes.file(".cargo/config.toml", None, "[alias]\n".into(), "an alias");
        changes
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[track_caller]
    fn is_as_before(&self) {
        assert_eq!(fs::read_to_string(self.path("old")).unwrap(), "old\n");
        assert!(!self.path("package").exists() && !self.path(".cargo/config.toml").exists());
        let names = self.names();
        let rest = names.iter().any(|name| name.starts_with(PREFIX));
        assert!(!rest, "{names:?}");
    }
}

#[test]
fn all_changes_are_made() {
    let repository = Repository::new();
    let mode = fs::Permissions::from_mode(0o664);
    fs::set_permissions(repository.path("old"), mode).unwrap();
    repository.changes().make().unwrap();
    assert_eq!(repository.names(), [".cargo", "old", "package"]);
    let mode = |name: &str| {
        repository
            .path(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("old"), 0o664);
    assert_eq!(mode(".cargo/config.toml"), 0o644);
    assert_eq!(mode("package") & 0o700, 0o700);
    assert_eq!(fs::read_to_string(repository.path("old")).unwrap(), "new\n");
}

#[test]
fn a_link_stays_a_link() {
    let repository = Repository::new();
    symlink("old", repository.path("link")).unwrap();
    let mut changes = Changes::new(repository.0.path());
    changes.file("link", Some("old\n".into()), "new\n".into(), "changed");
    changes.make().unwrap();
    assert!(repository.path("link").is_symlink());
    assert_eq!(fs::read_to_string(repository.path("old")).unwrap(), "new\n");
}

#[test]
fn a_file_that_cannot_be_written_changes_nothing() {
    // A file is in the place of the folder `.cargo`. The test does not remove permissions, because they would not stop
    // root.
    let repository = Repository::new();
    fs::write(repository.path(".cargo"), "").unwrap();
    let error = repository.changes().make().unwrap_err();
    assert!(error.to_string().contains("config.toml"), "{error}");
    repository.is_as_before();
}

#[test]
fn a_failure_half_way_is_undone() {
    // A folder has the name of the last file, so the last rename fails after the others have succeeded.
    let repository = Repository::new();
    let mut changes = repository.changes();
    changes.file("last", None, String::new(), "fails");
    fs::create_dir(repository.path("last")).unwrap();
    changes.make().unwrap_err();
    repository.is_as_before();
    assert_eq!(repository.names(), ["last", "old"]);
}
