use std::borrow::Cow;
use std::collections::HashSet;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::Stream;

use crate::client::call::{Call, Response, Sending};
use crate::error::{Error, ErrorKind};

/// A list, page by page: made by [`Call::pages`].
///
/// Each page is a separate call, sent and paced when you request it. At most one page is in memory. It is a
/// [`Stream`](https://docs.rs/futures-core/latest/futures_core/stream/trait.Stream.html) as well. [`items`](Self::items) gives
/// the items one by one.
///
/// The list ends at an empty page, at a repeated page, and at a `404` after the first page.
/// After an error it ends too; [`page_number`](Self::page_number) then gives the page that failed, from which
/// [`from_page`](Self::from_page) resumes.
///
/// # Inferred facts
/// The vendor documents no metadata about pages: neither how many there are, nor that a page is the last. The names
/// `page_size` and `page_number` are inferred, and so is that the first page is 1. Limits are not documented either. So the
/// length of a page does not tell whether it is the last, and no item is lost because a page is smaller than asked for:
/// - After each page, the next one is asked for. A server can have smaller pages than asked for, and it can filter the items of
///   a page, so that a page is shorter than the one after it.
/// - A page that came before ends the list. Pages are compared by a hash of `data`, of 8 bytes a page. A repeated
///   page is not returned.
/// - If the second page equals a full first page, the server ignores the page number. If a page has more items than requested,
///   it ignores the size. Both are [`Decode`](ErrorKind::Decode) errors.
///
/// A server that ignores the number and gives other `data` in each reply cannot be recognized, because its pages look like
/// those of a long list. Such a list does not end, so stop it yourself if you do not trust the server.
#[derive(Debug)]
#[must_use = "pages are not asked for until `next` is called"]
pub struct Pages<T> {
    call: Call<Vec<T>>,
    size: u32,
    number: u32,
    size_name: Cow<'static, str>,
    number_name: Cow<'static, str>,
    ended: bool,
    /// The number of items of the longest page.
    longest: u32,
    /// The hashes of all pages.
    seen: HashSet<u64>,
    under_way: Option<Sending<Vec<T>>>,
}

impl<T> Call<Vec<T>> {
    /// Goes through the list page by page, each with `size` items (0 counts as 1), if the endpoint has pages: of the SDK's own
    /// lists [`list_users`](crate::Users::list_users).
    ///
    /// Overrides any page settings of the call and keeps the rest: filters, headers, time limit. See [`Pages`] for what is
    /// inferred about the vendor's pages.
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
            call: self.unless_started("it cannot be asked for page by page"),
            size: size.max(1),
            number: 1,
            size_name: Cow::Borrowed("page_size"),
            number_name: Cow::Borrowed("page_number"),
            ended: false,
            longest: 0,
            seen: HashSet::new(),
            under_way: None,
        }
    }
}

impl<T> Pages<T> {
    /// Continues with this page, also after the end or an error. A page that is under way is dropped.
    ///
    /// Pages that were given before are still known, so none of them is given again. If the number is smaller than
    /// [`page_number`](Self::page_number), the list starts anew there.
    pub fn from_page(mut self, number: u32) -> Self {
        if number < self.number {
            (self.longest, self.seen) = (0, HashSet::new());
        }
        (self.number, self.ended, self.under_way) = (number, false, None);
        self
    }

    /// The names of the size and the number of a page in the query, if they are not `page_size` and `page_number`.
    pub fn names(mut self, size: impl Into<Cow<'static, str>>, number: impl Into<Cow<'static, str>>) -> Self {
        (self.size_name, self.number_name) = (size.into(), number.into());
        self
    }

    /// The page that is asked for next; at the end, the last one that was asked for.
    #[must_use]
    pub fn page_number(&self) -> u32 {
        self.number
    }

    /// The items one by one, across pages.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{ListUsers, Users};
    ///
    /// let mut users = client.list_users(&ListUsers::new()).pages(100).items();
    /// while let Some(user) = users.next().await {
    ///     println!("{}", user?.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn items(self) -> Items<T> {
        Items { pages: self, page: Vec::new().into_iter() }
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
        let Poll::Ready(result) = page.poll_with_data(context) else {
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

    /// Only the pages tell whether there can be more. A ready call is a single page.
    fn received(&mut self, result: Result<(Response<Vec<T>>, Range<usize>), Error>) -> Result<Option<Vec<T>>, Error> {
        self.ended = true;
        let (Response { data: page, body, .. }, data) = match result {
            Err(error) if self.is_end(&error) => return Ok(None),
            result => result?,
        };
        let Some(endpoint) = self.call.endpoint() else { return Ok(Some(page).filter(|page| !page.is_empty())) };
        let length = u32::try_from(page.len()).unwrap_or(u32::MAX);
        let next = self.after(length, array(body.get(data).unwrap_or(&body)));
        match next.map_err(|why| Error::new(ErrorKind::Decode, why).with(|e| e.endpoint(endpoint)))? {
            Next::End => return Ok(None),
            Next::More => {
                if let Some(next) = self.number.checked_add(1) {
                    (self.number, self.ended) = (next, false);
                }
            }
        }
        Ok(Some(page))
    }

    /// True if a page was not found although one before it was. Some servers answer so for a page past the end.
    fn is_end(&self, error: &Error) -> bool {
        self.longest > 0 && error.kind() == ErrorKind::NotFound
    }

    /// Decides what follows a page with `length` items. `data` is the part of the reply that has them.
    fn after(&mut self, length: u32, data: &[u8]) -> Result<Next, String> {
        let Self { size, size_name, number_name, longest, .. } = &*self;
        if length == 0 {
            return Ok(Next::End);
        }
        if length > *size {
            return Err(format!(
                "the page has {length} items, but {size} were asked for: this list does not understand `{size_name}`"
            ));
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(data);
        let hash = hasher.finish();
        if self.seen.contains(&hash) {
            if self.seen.len() == 1 && *longest == *size {
                return Err(format!(
                    "the page is the same as the one before: this list does not understand `{number_name}`"
                ));
            }
            return Ok(Next::End);
        }
        self.seen.insert(hash);
        self.longest = self.longest.max(length);
        Ok(Next::More)
    }
}

/// The array in `"data": [..],`.
fn array(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte == b'[').unwrap_or_default();
    let end = bytes.iter().rposition(|byte| *byte == b']').map_or(bytes.len(), |at| at + 1);
    bytes.get(start..end).unwrap_or(bytes)
}

/// The decision after a page.
enum Next {
    /// The page is empty or has come before: it is past the end.
    End,
    More,
}

/// The items of a list one by one: made by [`Pages::items`].
///
/// It is a [`Stream`](https://docs.rs/futures-core/latest/futures_core/stream/trait.Stream.html) as well.
///
/// A page is sent for when the items of the page before are used up. After an error it ends.
#[derive(Debug)]
#[must_use = "pages are not asked for until `next` is called"]
pub struct Items<T> {
    pages: Pages<T>,
    page: vec::IntoIter<T>,
}

impl<T> Items<T> {
    /// The next item; `None` at the end.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`Pages::next`].
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::Call;
    ///
    /// let mut numbers = Call::ready(Ok(vec![1, 2])).pages(100).items();
    /// assert_eq!(numbers.next().await.transpose()?, Some(1));
    /// assert_eq!(numbers.next().await.transpose()?, Some(2));
    /// assert_eq!(numbers.next().await.transpose()?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| self.poll_item(context)).await
    }

    /// The page that is asked for next, as [`Pages::page_number`]: after an error, the one that failed.
    #[must_use]
    pub fn page_number(&self) -> u32 {
        self.pages.page_number()
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            if let Some(item) = self.page.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(self.pages.poll_page(context)) {
                Some(Ok(page)) => self.page = page.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// No item is pinned.
impl<T> Unpin for Items<T> {}

impl<T> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(context)
    }
}

impl<T> Stream for Pages<T> {
    type Item = Result<Vec<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_page(context)
    }
}
