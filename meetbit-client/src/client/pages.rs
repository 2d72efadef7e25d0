use std::borrow::Cow;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::client::call::{Call, Response, Sending};
use crate::error::{Error, ErrorKind};

/// A list, page by page: made by [`Call::pages`].
///
/// Each page is a call of its own, sent when it is asked for and paced as any other; no more than one page is held. It is
/// a [`Stream`] as well.
///
/// It ends after a page that has fewer items than were asked for, and at an empty one. After an error it ends too;
/// [`page_number`](Self::page_number) then says which page failed, from which [`from_page`](Self::from_page) goes on.
///
/// # What is inferred
/// The vendor documents no metadata about pages: neither how many there are, nor that a page is the last. The names
/// `page_size` and `page_number` are inferred, and so is that the first page is 1. Limits are not documented either: should
/// the server give fewer items than were asked for because its pages are never that large, the list ends too early, so
/// ask for pages of a size that it is known to give. A page of more items than were asked for, and one that is the same
/// as the page before, show that the server does not understand the query, and are errors.
#[derive(Debug)]
#[must_use = "pages are not asked for until `next` is called"]
pub struct Pages<T> {
    call: Call<Vec<T>>,
    size: u32,
    number: u32,
    size_name: Cow<'static, str>,
    number_name: Cow<'static, str>,
    ended: bool,
    /// What tells the last page from the next.
    last: Option<u64>,
    under_way: Option<Sending<Vec<T>>>,
}

impl<T> Call<Vec<T>> {
    /// Goes through the list page by page, each with `size` items (0 counts as 1), where its pages can be set: of the
    /// SDK's own lists [`list_users`](crate::Users::list_users).
    ///
    /// What the call says of its page is replaced; all else in it stays: filters, headers, time limit. See [`Pages`] for
    /// what is inferred of the vendor's pages.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{ListUsers, Users};
    ///
    /// let mut pages = client.list_users(&ListUsers::new()).pages(15);
    /// while let Some(users) = pages.next().await {
    ///     for user in users? {
    ///         println!("{}", user.id);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages(self, size: u32) -> Pages<T> {
        Pages {
            call: self,
            size: size.max(1),
            number: 1,
            size_name: Cow::Borrowed("page_size"),
            number_name: Cow::Borrowed("page_number"),
            ended: false,
            last: None,
            under_way: None,
        }
    }
}

impl<T> Pages<T> {
    /// Begins with another page than the first, to resume.
    pub fn from_page(mut self, number: u32) -> Self {
        self.number = number;
        self
    }

    /// What the query calls the size and the number of a page, where it is not `page_size` and `page_number`.
    pub fn names(mut self, size: impl Into<Cow<'static, str>>, number: impl Into<Cow<'static, str>>) -> Self {
        (self.size_name, self.number_name) = (size.into(), number.into());
        self
    }

    /// The page that is asked for next; at the end, the last one that was asked for.
    #[must_use]
    pub fn page_number(&self) -> u32 {
        self.number
    }

    /// The next page; `None` at the end.
    ///
    /// Dropping the future loses nothing: the page is still the next one.
    ///
    /// # Errors
    /// As [`Call::send`]; [`Decode`](ErrorKind::Decode) as well for a page that shows that the server does not understand
    /// which page it is asked for.
    pub async fn next(&mut self) -> Option<Result<Vec<T>, Error>> {
        poll_fn(|context| self.poll_page(context)).await
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<T>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut page = self.under_way.take().unwrap_or_else(|| self.request().send());
        let Poll::Ready(result) = page.poll_with_body(context) else {
            self.under_way = Some(page);
            return Poll::Pending;
        };
        Poll::Ready(self.received(result).transpose())
    }

    fn request(&self) -> Call<Vec<T>> {
        self.call.clone().change(|call| {
            call.parts.replace_query(&self.size_name, self.size);
            call.parts.replace_query(&self.number_name, self.number);
        })
    }

    /// Whether there can be more is known by the length of the page alone. A ready call is a single page.
    fn received(&mut self, result: Result<(Response<Vec<T>>, Bytes), Error>) -> Result<Option<Vec<T>>, Error> {
        self.ended = true;
        let (Response { data: page, .. }, body) = result?;
        let length = u32::try_from(page.len()).unwrap_or(u32::MAX);
        if let (Some(endpoint), true) = (self.call.endpoint(), length >= self.size) {
            self.check(length, &body)
                .map_err(|why| Error::new(ErrorKind::Decode, why).with(|e| e.endpoint(endpoint)))?;
            if let Some(next) = self.number.checked_add(1) {
                (self.number, self.ended) = (next, false);
            }
        }
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    /// Whether a page that is not the last can be the one that was asked for. If it is not, there would be no end.
    fn check(&mut self, length: u32, body: &[u8]) -> Result<(), String> {
        let Self { size, size_name, number_name, .. } = &*self;
        if length > *size {
            return Err(format!(
                "the page has {length} items, but {size} were asked for: this list does not understand `{size_name}`"
            ));
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(body);
        let this = Some(hasher.finish());
        if self.last == this {
            return Err(format!(
                "the page is the same as the one before: this list does not understand `{number_name}`"
            ));
        }
        self.last = this;
        Ok(())
    }
}

impl<T> Stream for Pages<T> {
    type Item = Result<Vec<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_page(context)
    }
}
