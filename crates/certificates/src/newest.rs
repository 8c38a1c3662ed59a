//! The certificate at hand: the candidate in the state folder, or the installed certificate.

use std::io;
use std::path::Path;

use crate::certificate::Certificate;
use crate::files;
use crate::names::Names;
use crate::options::Options;

/// The newest certificate in the state folder: the private key and the chain.
pub const CANDIDATE: &str = "certificate.pem";

/// Returns the candidate or the installed certificate; `None` if there is neither. Prefers a certificate for all of
/// `names`, and then the certificate that expires later.
pub fn newest(options: &Options, names: &Names) -> Option<Certificate> {
    let candidate = options.state.join(CANDIDATE);
    let paths = [Some(candidate), options.installed.clone()];
    let certificates = paths.into_iter().flatten().filter_map(|path| stored(&path));
    certificates.max_by_key(|certificate| {
        let facts = &certificate.facts;
        (facts.names.contain(names), facts.not_after)
    })
}

/// Returns a certificate that an authority has issued; `None` if the file is missing, unreadable or self-signed.
fn stored(path: &Path) -> Option<Certificate> {
    let content = match files::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            eprintln!("{} is unreadable: {error}", path.display());
            return None;
        }
    };
    match Certificate::parse(&content) {
        Ok(certificate) => certificate.current().is_some().then_some(certificate),
        Err(fault) => {
            eprintln!("{}: {fault}", path.display());
            None
        }
    }
}
