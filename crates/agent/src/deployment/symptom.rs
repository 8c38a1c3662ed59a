//! Recognises failures of a run that its sandbox has caused. The program's own message does not name the setting that
//! helps.

use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// How many lines of the journal the agent searches. A crash report of V8 has more lines than an error shows.
const LINES: u32 = 200;

/// systemd's own message, before status 217/USER (exec_child in execute.c).
const NO_NAMESPACE: &str = "failed to set up user namespacing";

/// Messages of programs that could not get executable memory, in lower case. A row matches a line that contains all of
/// its parts.
const NO_CODE: [&[&str]; 11] = [
    // Java
    &["memory page as executable"],
    &["commit_memory(", ", 1) failed"],
    // Node.js: mprotect(2) fails with an error other than ENOMEM.
    &["check failed: 12 == (*__errno_location ())"],
    &["setpermissionsonexecutablememorychunk"],
    // .NET
    &["failed to create coreclr"],
    // LuaJIT
    &["runtime code generation failed"],
    // Wasmtime
    &["memory executable"],
    &["allocate executable memory"],
    // dlopen(3), for a library with PT_GNU_STACK
    &["cannot enable executable stack"],
    &["mprotect", "not permitted"],
    &["mprotect", "permission denied"],
];

/// Returns a hint if the unit's last lines in the journal show a failure that comes from the sandbox.
pub fn hint(system: &System, unit: &str) -> Option<String> {
    let systemd = Systemd::new(system);
    let lines = systemd.last_lines(unit, LINES).to_lowercase();
    if lines.contains(NO_NAMESPACE) {
        return Some(ALLOW_NAMESPACES.into());
    }
    let is_set = |property| {
        let answer = systemd.property(unit, property);
        answer.is_ok_and(|answer| answer == "yes")
    };
    if needs_code(&lines) && is_set("MemoryDenyWriteExecute") {
        return Some(COMPILE.into());
    }
    (lines.contains("permission denied") && is_set("DynamicUser")).then(|| OWN_USER.into())
}

/// The hint for a server that compiles code at run time.
const COMPILE: &str = "if the server, or a program that it starts, compiles code at run time, set `jit = true` in \
     `[server]` of flipless.toml and build the bundle again: without this setting the sandbox forbids memory \
     that becomes executable";

/// The hint for a server that needs the files of EB's user.
const OWN_USER: &str = "the server runs as a separate user in the group `webapp`: if it needs files that only \
     the user `webapp` may use, set `own-user = false` in `[server]` of flipless.toml and build the bundle again; if \
     it needs to write to a folder, add the folder to `writable-paths`";

/// The hint for an instance that forbids user namespaces.
pub const ALLOW_NAMESPACES: &str = "allow user namespaces: put `user.max_user_namespaces = 10000` into a file in \
     /etc/sysctl.d and run `sysctl --system`; `files` and `commands` of a file in .ebextensions can do both";

fn needs_code(lines: &str) -> bool {
    let has = |line: &str| {
        let mut rows = NO_CODE.iter();
        rows.any(|parts| parts.iter().all(|part| line.contains(part)))
    };
    lines.lines().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages are copied from programs that ran with `MemoryDenyWriteExecute=`. systemd 252 enforces this
    /// restriction with seccomp, and a newer systemd with prctl(2).
    #[test]
    fn the_messages_of_real_programs_are_known() {
        for line in [
            "OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory(0x00007fe304938000, 2555904, 1) failed; \
             error='Operation not permitted' (errno=1)",
            "Failed to mark memory page as executable - check if grsecurity/PaX is enabled",
            "# Check failed: 12 == (*__errno_location ()).",
            "PANIC: unprotected error in call to Lua API (runtime code generation failed, restricted kernel?)",
            "    0: failed to make memory executable",
            "./x.so: cannot enable executable stack as shared object requires: Permission denied",
            "mprotect: Operation not permitted",
        ] {
            assert!(needs_code(&line.to_lowercase()), "{line}");
        }
    }

    #[test]
    fn other_failures_are_not_blamed_on_the_sandbox() {
        for line in [
            "panicked at src/main.rs:3",
            "open /etc/shadow: permission denied",
            "runtime: mprotect: cannot allocate memory",
            "os::commit_memory(0x00007fe304938000, 2555904, 0) failed; error='Not enough space' (errno=12)",
            "bind: operation not permitted",
            "exec format error: not an executable",
        ] {
            assert!(!needs_code(line), "{line}");
        }
    }
}
