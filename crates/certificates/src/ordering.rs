//! One try to get a certificate. A try continues the order of an earlier try, so that a slow authority does not have to
//! start again each time.

use flipless_settings::Https;
use instant_acme::{CertificateIdentifier, Order, OrderStatus};

use crate::authority::Authority;
use crate::candidate;
use crate::certificate::Certificate;
use crate::challenge::Challenges;
use crate::client::RetryAfter;
use crate::clock;
use crate::failure::Failure;
use crate::files;
use crate::newest::CANDIDATE;
use crate::options::Options;
use crate::order;
use crate::progress::{self, Open, Origin, Progress, Wanted};
use crate::schedule;
use crate::{entry, reach, tls};

/// The private key of the open order, in the state folder.
const KEY: &str = "order-key.pem";

/// The inputs of a try.
pub struct Ordering<'a> {
    /// The command line.
    pub options: &'a Options,
    /// The settings.
    pub settings: &'a Https,
    /// The certificate that the settings ask for.
    pub wanted: &'a Wanted,
    /// The progress of earlier calls of `renew`.
    pub progress: &'a mut Progress,
    /// How long the authority asks to wait.
    pub retry_after: &'a RetryAfter,
    /// The current time, in seconds since 1970.
    pub now: u64,
    /// The certificate at hand.
    pub current: Option<&'a Certificate>,
}

impl Ordering<'_> {
    /// Tests whether the authority will reach this instance. Then orders a certificate, and stores it.
    ///
    /// # Errors
    /// If there is no new certificate.
    pub async fn run(mut self) -> Result<Certificate, Failure> {
        let mut challenges = Challenges::new(&self.options.challenges);
        if self.resumable().is_none_or(|open| !open.finalized) {
            let connect_to = self.options.connect_to.as_deref();
            reach::test(&self.wanted.names, &mut challenges, connect_to).await?;
        }
        let patience = self.at_hand().map_or(u64::MAX, |it| it.patience(self.now));
        let before = self.progress.begin(self.now, self.settings, patience);
        self.save()?;
        let ordered = self.order(&mut challenges).await;
        self.progress.end(before);
        if ordered
            .as_ref()
            .is_err_and(|failure| !failure.keeps_order())
        {
            self.progress.order = None;
            self.remove_key();
        }
        let (certificate, origin) = ordered?;
        self.progress.succeed(self.now, origin);
        self.remove_key();
        Ok(certificate)
    }

    async fn order(
        &mut self,
        challenges: &mut Challenges,
    ) -> Result<(Certificate, Origin), Failure> {
        let roots = tls::roots(self.settings.trusted_root.as_deref())?;
        let mut authority =
            entry::enter(self.options, self.settings, self.retry_after, &roots).await?;
        let (mut order, key) = match self.resume(&authority).await? {
            Some(resumed) => resumed,
            None => self.open(&mut authority).await?,
        };
        let chain = self.complete(&mut order, &key, challenges).await;
        if chain.as_ref().is_err_and(|failure| !failure.keeps_order()) {
            self.count(order.state().status);
        }
        let chain = chain?;
        let names = &self.wanted.names;
        let (file, certificate) = candidate::check(&key, &chain, names, self.now, &roots)?;
        let origin = Origin {
            id: certificate.current().map(|it| it.id).unwrap_or_default(),
            wanted: self.wanted.clone(),
            account: authority.account().to_owned(),
        };
        // Saves the progress before the certificate. If the program ends between these two writes, the next call still
        // finds the certificate's origin.
        self.progress.coming = Some(origin.clone());
        self.save()?;
        self.write(CANDIDATE, &file)?;
        Ok((certificate, origin))
    }

    /// Continues the order from its current step, and returns the certificate with its chain in PEM.
    async fn complete(
        &mut self,
        order: &mut Order,
        key: &str,
        challenges: &mut Challenges,
    ) -> Result<String, Failure> {
        let limit = self.options.order_limit;
        if !is_signed(order.state().status) {
            order::confirm(order, challenges, limit).await?;
            self.note_finalized()?;
            order::finalize(order, key, &self.wanted.names).await?;
        }
        order::fetch(order, limit).await
    }

    fn at_hand(&self) -> Option<schedule::Current> {
        self.current?.current()
    }

    fn resumable(&self) -> Option<&Open> {
        schedule::resumable(
            self.now,
            self.wanted,
            self.at_hand().as_ref(),
            self.progress,
        )
    }

    /// Returns the open order of an earlier call of `renew`, and its key; `None` if this call has to open another
    /// order.
    async fn resume(
        &mut self,
        authority: &Authority<'_>,
    ) -> Result<Option<(Order, String)>, Failure> {
        let open = self.resumable().cloned();
        let Some(open) = open.filter(|open| open.account == authority.account()) else {
            return Ok(None);
        };
        let key = files::read(&self.options.state.join(KEY)).ok();
        let Some(key) = key.and_then(|key| String::from_utf8(key).ok()) else {
            return Ok(None);
        };
        match authority.reopen(&open.url).await {
            Ok(mut order) => {
                if order.state().status == OrderStatus::Invalid {
                    self.count(OrderStatus::Invalid);
                    return Err(order::ended(&mut order).await);
                }
                eprintln!("continuing the order of {}", clock::text(open.since));
                Ok(Some((order, key)))
            }
            // After `None`, the old order stays in the progress until the authority has accepted another one.
            Err(failure)
                if failure.keeps_order() && !failure.is_lasting() && !self.options.force =>
            {
                Err(failure)
            }
            Err(failure) => {
                eprintln!("{failure}; opening another order");
                Ok(None)
            }
        }
    }

    /// Opens an order, and makes a new key for it. Saves the order and the key before the authority does anything for
    /// the order.
    async fn open(&mut self, authority: &mut Authority<'_>) -> Result<(Order, String), Failure> {
        let replaces = self.replaces(authority.account());
        let order = authority.open(self.wanted, replaces).await?;
        let key = order::new_key()?;
        self.write(KEY, &key)?;
        self.progress.order = Some(Open {
            url: order.url().to_owned(),
            wanted: self.wanted.clone(),
            account: authority.account().to_owned(),
            since: self.now,
            finalized: false,
        });
        self.save()?;
        Ok((order, key))
    }

    /// Records that the program is about to ask the authority to sign. The authority may count this request even if the
    /// program ends before the answer.
    fn note_finalized(&mut self) -> Result<(), Failure> {
        let order = self.progress.order.as_mut();
        if order.is_some_and(|open| !std::mem::replace(&mut open.finalized, true)) {
            self.progress.issue(self.now, self.wanted);
        }
        self.save()
    }

    /// Corrects the count of issued certificates after the end of an order. The order counts only if its last status
    /// says that the authority signs or has signed. Without this correction, five unsigned orders would hold back every
    /// order for a week.
    fn count(&mut self, last: OrderStatus) {
        let order = self.progress.order.as_ref();
        if !is_signed(last) && order.is_some_and(|open| open.finalized) {
            self.progress.issued_nothing();
        }
    }

    fn remove_key(&self) {
        // If the removal fails, the old key is harmless: the next order writes a new key to this file.
        let _ = std::fs::remove_file(self.options.state.join(KEY));
    }

    /// Returns the certificate that the order renews. Only the account that has ordered a certificate may renew it.
    fn replaces(&self, account: &str) -> Option<CertificateIdentifier<'static>> {
        let certificate = self.current?;
        let origin = self.progress.origin.as_ref()?;
        let own = origin.id == certificate.current()?.id
            && origin.account == account
            && origin.wanted.directory == self.wanted.directory;
        own.then(|| certificate.identifier())?
    }

    fn save(&self) -> Result<(), Failure> {
        let state = &self.options.state;
        let saved = self.progress.save(state);
        saved.map_err(|error| Failure::File(state.join(progress::FILE), error))
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Failure> {
        let path = self.options.state.join(name);
        let written = files::write(&path, content.as_bytes(), 0o600);
        written.map_err(|error| Failure::File(path, error))
    }
}

/// Returns whether the authority has the request for the certificate, and signs or has signed.
fn is_signed(status: OrderStatus) -> bool {
    matches!(status, OrderStatus::Processing | OrderStatus::Valid)
}
