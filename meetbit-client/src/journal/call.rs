//! `Call::once`.

use std::sync::Arc;

use crate::client::call::Call;
use crate::error::Error;
use crate::journal::Journal;
use crate::journal::records::Key;

/// The longest key, in bytes. A database limits what it can index.
const MOST: usize = 1000;

impl<T> Call<T> {
    /// Sends the call at most once under this key, over crashes, restarts and concurrent processes, and returns the same reply
    /// each time.
    ///
    /// `key` is your own id for the operation, such as `"crm:42"`. The [journal](crate::journal) records what happens under
    /// it:
    ///
    /// | the journal has for the key | the call |
    /// |---|---|
    /// | nothing | is sent. The intent is durable before the first byte leaves, and the end before the call returns |
    /// | a reply | returns it, with [`Response::replayed`](crate::Response::replayed), and sends nothing |
    /// | a request that was rejected, or that provably was not sent | is sent again |
    /// | a request whose outcome is unknown, or whose process died | fails with [`InDoubt`](crate::ErrorKind::InDoubt), and sends nothing |
    /// | a request that is under way | waits for its end, within its own time limit |
    /// | a request of another endpoint, URL or body | fails with [`InvalidRequest`](crate::ErrorKind::InvalidRequest), and sends nothing |
    ///
    /// If the journal cannot be read or written, the call fails with [`Journal`](crate::ErrorKind::Journal). Then nothing was
    /// sent, or the error has the outcome and the [`body`](crate::Error::body) of the reply.
    ///
    /// Headers are not part of the request that a key belongs to. A key has at most 1,000 bytes, and none of them is zero.
    ///
    /// Middleware must keep the extensions of a request. A layer that builds a new request sends it without a record.
    ///
    /// Needs the feature `journal`.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::journal::Journal;
    /// use meetbit_client::{Customers, NewCustomer};
    ///
    /// let journal = Journal::open("meetbit-journal.sqlite").await?;
    /// let ada = NewCustomer::new().first_name("Ada");
    /// let customer = client.create_customer(&ada).once(&journal, "crm:42").await?;
    /// # let _ = customer;
    /// # Ok(())
    /// # }
    /// ```
    pub fn once(self, journal: &Journal, key: impl Into<String>) -> Self {
        let this = self.unless_started("it cannot have a key of a journal");
        let name: Box<str> = key.into().into();
        if name.len() > MOST || name.contains('\0') {
            let message = format!("a key of a journal has at most {MOST} bytes, and none of them is zero");
            return this.change(|call| call.parts.record_error(Error::invalid_request(message)));
        }
        let key = Key { records: journal.0.clone(), name };
        this.change(|call| call.once = Some(Arc::new(key)))
    }
}
