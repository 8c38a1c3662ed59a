#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::Instance;

const NO_TIME: Duration = Duration::ZERO;

fn path() -> String {
    format!("{}/lock", layout::RUNTIME)
}

fn refusal(instance: &Instance) -> String {
    let error = take(&instance.system, "lock", "commit", NO_TIME).err();
    format!("{:#}", error.unwrap())
}

#[test]
fn the_error_of_a_second_agent_names_the_first() {
    let instance = Instance::new();
    let held = take(&instance.system, "lock", "stage", NO_TIME).unwrap();
    let said = refusal(&instance);
    let holder = format!("`flipless stage`, process {}", std::process::id());
    assert!(said.contains(&holder), "{said}");
    drop(held);
    take(&instance.system, "lock", "commit", NO_TIME).unwrap();
}

#[test]
fn stale_content_blocks_no_agent_and_is_replaced() {
    let instance = Instance::new();
    let stale = format!("`flipless stage`, process 1\n{}", "x".repeat(9000));
    instance
        .system
        .write(path(), stale.as_bytes(), 0o644)
        .unwrap();
    let _held = take(&instance.system, "lock", "restart", NO_TIME).unwrap();
    let now = instance.system.read(path()).unwrap().unwrap();
    let expected = format!("`flipless restart`, process {}\n", std::process::id());
    assert_eq!(String::from_utf8(now).unwrap(), expected);
    let mode = instance.system.locate(path()).metadata().unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_empty_or_damaged_lock_file_still_gives_an_error() {
    for (content, expected) in [
        (&b""[..], "does not name"),
        (b"\xff\x1b[31m\nsecond", "\u{fffd}\\u{1b}[31m;"),
    ] {
        let instance = Instance::new();
        let _held = take(&instance.system, "lock", "stage", NO_TIME).unwrap();
        let file = instance.system.locate(path());
        std::fs::write(file, content).unwrap();
        let said = refusal(&instance);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_folder_in_place_of_the_lock_file_is_named_with_what_to_do() {
    let instance = Instance::new();
    instance.system.make_folder(path()).unwrap();
    let said = refusal(&instance);
    assert!(said.contains(&path()) && said.contains("remove"), "{said}");
}

/// A command that gives the instance back removes the lock's file, while other commands wait for the lock.
#[test]
fn after_its_file_was_removed_a_lock_still_blocks_others() {
    let instance = Instance::new();
    let first = take(&instance.system, "lock", "uninstall", NO_TIME).unwrap();
    let folder = instance.system.locate(layout::RUNTIME);
    let ends = std::thread::spawn(move || {
        std::thread::sleep(4 * LOOK_AGAIN);
        std::fs::remove_dir_all(folder).unwrap();
        drop(first);
    });
    let waiting = take(&instance.system, "lock", "expire", Duration::from_secs(20));
    let _held = waiting.unwrap();
    ends.join().unwrap();
    assert!(refusal(&instance).contains("other agents have held"));
}
