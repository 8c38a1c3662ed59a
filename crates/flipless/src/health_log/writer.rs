//! The queue of lines, and the thread that writes them into one file per hour.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{fs, io, thread};

use tokio::sync::oneshot;

use super::line::Line;

/// How many lines may wait for the disk. The log drops further lines, and counts them.
const WAITING_LINES: usize = 8192;

/// Queues the requests' lines for a thread that writes them.
#[derive(Debug, Clone)]
pub(crate) struct HealthLog {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// The mode of a log file: owner and group may write, and everyone may read.
const SHARED: u32 = 0o664;

enum Message {
    Line(Line),
    Flush(oneshot::Sender<()>),
}

impl HealthLog {
    /// Starts the thread that writes into this directory.
    pub(crate) fn start(directory: PathBuf) -> io::Result<Self> {
        let (queue, messages) = sync_channel(WAITING_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            directory,
            hour: String::new(),
            file: None,
            dropped: dropped.clone(),
        };
        thread::Builder::new()
            .name("health-log".to_owned())
            .spawn(move || writer.run(&messages))?;
        Ok(Self { queue, dropped })
    }

    pub(super) fn send(&self, line: Line) {
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the thread has written all queued lines. Returns at once if the queue is full.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        let queue = self.queue.clone();
        // The queue may be full, and `send` blocks until it has room. tokio's own threads for blocking calls would
        // delay the end of the server if the disk hangs.
        let asked = thread::Builder::new().spawn(move || queue.send(Message::Flush(done)));
        if asked.is_ok() {
            let _ = written.await;
        }
    }
}

struct Writer {
    directory: PathBuf,
    /// The hour in the name of `file`.
    hour: String,
    file: Option<fs::File>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        for message in messages {
            match message {
                Message::Line(line) => self.write(&line),
                Message::Flush(done) => drop(done.send(())),
            }
        }
    }

    fn write(&mut self, line: &Line) {
        let hour = line.hour();
        // If the last attempt to open a file has failed, tries again. For example, another server may have just created
        // the file, and may not have set its permissions yet.
        if hour != self.hour || self.file.is_none() {
            self.open(hour);
        }
        let Some(file) = &mut self.file else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        // One write per line: with O_APPEND, the lines of an old and a new server don't mix (write(2)).
        if io::Write::write_all(file, line.to_string().as_bytes()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file of an hour. If this fails, the server serves without a log, and prints the error once per hour.
    fn open(&mut self, hour: String) {
        let path = self.directory.join(format!("application.log.{hour}"));
        let opened = open_shared(&path);
        let is_news = hour != self.hour;
        self.file = opened
            .inspect_err(|error| {
                if is_news {
                    crate::notice::say(format_args!(
                        "cannot open the health log {}: {error}",
                        path.display()
                    ));
                }
            })
            .ok();
        if !is_news {
            return;
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            crate::notice::say(format_args!(
                "{dropped} lines of the health log were dropped"
            ));
        }
        self.hour = hour;
    }
}

/// Opens a file that all servers of the instance append to, and that EB's health daemon reads. The next server may run
/// as another user of the same group. So the mode of a new file must not depend on the umask.
fn open_shared(path: &Path) -> io::Result<fs::File> {
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & SHARED != SHARED {
        // Only the owner may change the mode (chmod(2)). If another server owns the file, that server has changed the
        // mode.
        let _ = file.set_permissions(fs::Permissions::from_mode(mode | SHARED));
    }
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};
    use std::time::{Duration, SystemTime};

    fn line_at(seconds: u64) -> Line {
        Line {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            path: "/".to_owned(),
            status: StatusCode::OK,
            took: Duration::from_millis(5),
            forwarded_for: None,
        }
    }

    fn names(directory: &std::path::Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_flush_waits_for_room_in_a_full_queue() {
        let (queue, messages) = sync_channel(1);
        let dropped = Arc::default();
        let log = HealthLog { queue, dropped };
        log.send(line_at(1));
        let write = async {
            let next = || messages.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(matches!(next(), Message::Line(_)));
            match next() {
                Message::Flush(done) => done.send(()).unwrap(),
                Message::Line(_) => panic!("only one line was sent"),
            }
        };
        tokio::join!(log.flush(), write);
    }

    #[tokio::test]
    async fn each_hour_has_a_file_and_lines_are_appended() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let log = HealthLog::start(directory.path().to_owned()).unwrap();
            log.send(line_at(3599));
            log.send(line_at(3600));
            log.flush().await;
        }
        let expected = [
            "application.log.1970-01-01-00",
            "application.log.1970-01-01-01",
        ];
        assert_eq!(names(directory.path()), expected);
        let text = fs::read_to_string(directory.path().join(expected[1])).unwrap();
        assert_eq!(text, line_at(3600).to_string().repeat(2));
    }

    /// The unit of a run has a `UMask=` that removes some of these rights from new files.
    #[tokio::test]
    async fn the_next_server_may_append_to_a_file_whatever_the_umask_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("application.log.1970-01-01-00");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let log = HealthLog::start(directory.path().to_owned()).unwrap();
        log.send(line_at(0));
        log.flush().await;
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o664);
    }

    #[tokio::test]
    async fn a_log_that_can_be_opened_later_continues() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("application.log.1970-01-01-00");
        // A folder at this path makes the open fail. A file without write permission would not stop root.
        fs::create_dir(&path).unwrap();
        let log = HealthLog::start(directory.path().to_owned()).unwrap();
        log.send(line_at(0));
        log.flush().await;
        fs::remove_dir(&path).unwrap();
        log.send(line_at(1));
        log.flush().await;
        assert_eq!(fs::read_to_string(&path).unwrap(), line_at(1).to_string());
    }

    #[tokio::test]
    async fn a_missing_directory_only_drops_the_lines() {
        let log = HealthLog::start(PathBuf::from("/nonexistent/healthd")).unwrap();
        log.send(line_at(0));
        log.flush().await;
        assert_eq!(log.dropped.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_request_leaves_one_line_when_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let log = HealthLog::start(directory.path().to_owned()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
        let mut answered = log.begin("/a", &headers);
        answered.answered(StatusCode::NOT_FOUND);
        drop(answered);
        drop(log.begin("/hung-up", &HeaderMap::new()));
        log.flush().await;
        let file = directory.path().join(&names(directory.path())[0]);
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].contains("\"/a\"404\"0.") && lines[0].ends_with("\"203.0.113.9"),
            "{text}"
        );
        assert!(
            lines[1].contains("\"/hung-up\"499\"0.") && lines[1].ends_with("\"-"),
            "{text}"
        );
    }
}
