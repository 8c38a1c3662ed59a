//! An interrupted bench leaves no process and no folder. A killed bench leaves no process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rehearse::machine::wait_for;
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a measurement. Returns its process, the folder of this run, and its two servers in /proc.
fn started() -> (Child, PathBuf, Vec<PathBuf>) {
    let bench = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--row", "requests-hyper", "--runs", "99"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let prefix = format!("bench-{}-", bench.id());
    let found = wait_for(PATIENCE, || {
        let mut entries = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap());
        let folder = entries.find(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        let servers = servers(&bench);
        (servers.len() == 2).then_some((folder?.path(), servers))
    });
    let (folder, servers) = found.unwrap();
    (bench, folder, servers)
}

/// Returns the children that run as `bench peer`.
fn servers(bench: &Child) -> Vec<PathBuf> {
    // proc_tid_children(5)
    let children = format!("/proc/{0}/task/{0}/children", bench.id());
    let children = fs::read_to_string(children).unwrap();
    let folders = children
        .split_whitespace()
        .map(|pid| Path::new("/proc").join(pid));
    let is_peer = |folder: &PathBuf| {
        let line = fs::read_to_string(folder.join("cmdline")).unwrap_or_default();
        line.split('\0').nth(1) == Some("peer")
    };
    folders.filter(is_peer).collect()
}

fn are_gone(paths: &[PathBuf]) -> bool {
    let gone = || {
        let left = paths.iter().any(|path| path.exists());
        (!left).then_some(())
    };
    wait_for(PATIENCE, gone).is_some()
}

#[test]
fn an_interrupted_bench_leaves_nothing_behind() {
    let (mut bench, folder, servers) = started();
    kill_process(Pid::from_child(&bench), Signal::TERM).unwrap();
    assert_eq!(bench.wait().unwrap().code(), Some(128 + 15));
    assert!(!folder.exists());
    assert!(are_gone(&servers));
}

#[test]
fn a_killed_bench_leaves_no_process() {
    let (mut bench, folder, servers) = started();
    bench.kill().unwrap();
    bench.wait().unwrap();
    assert!(are_gone(&servers));
    fs::remove_dir_all(folder).unwrap();
}
