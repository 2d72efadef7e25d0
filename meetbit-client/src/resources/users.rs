use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resources::ids::id;
use crate::resources::model::{setters, string_enum};
use crate::{
    Api, Call, Checks, DepartmentId, UserId, Validate, ValidationError, WorkHours, ZoneName, api, api_endpoint,
};

/// Users of the tenant, whose time can be booked.
#[api]
pub trait Users: Api {
    /// Lists one page of users.
    ///
    /// [`Call::pages`] goes through all users page by page. The vendor documents neither defaults nor limits, and no
    /// metadata about pages. Of the query's names, only `with_trashed`, `value` and `operator` are documented; the others
    /// are inferred. If a name is wrong or missing, set it with [`Call::query`].
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{ListUsers, UserOrder, Users};
    ///
    /// let by_name = ListUsers::new().order_by(UserOrder::LastName);
    /// for user in client.list_users(&by_name).await? {
    ///     println!("{}: {}", user.id, user.email.unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(get, "/users", perm = "users.read.*")]
    fn list_users(&self, #[query] query: &ListUsers) -> Call<Vec<User>>;

    /// Creates a user. A request that [`activate`](NewUser::activate)s the user also needs the permission `users.lock.*`.
    ///
    /// MeetBit has no idempotency key, so the request is sent at most once. If the reply is lost, the error's
    /// [`outcome`](crate::Error::outcome) is `Unknown` and the user may exist.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::jiff::civil::time;
    /// use meetbit_client::{NewUser, Users, WorkHours, WorkHoursSpan};
    ///
    /// let day = [WorkHoursSpan::new(time(9, 0, 0, 0), time(17, 0, 0, 0))];
    /// let user = NewUser::new()
    ///     .department_id(1)
    ///     .first_name("Grace")
    ///     .last_name("Hopper")
    ///     .email("grace@example.com")
    ///     .timezone("America/New_York")
    ///     .work_hours(WorkHours::new().monday(day).tuesday(day))
    ///     .role("Agent");
    /// println!("{}", client.create_user(&user).await?.id);
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(post, "/users", perm = "users.create.*")]
    fn create_user(&self, #[body] user: &NewUser) -> Call<User>;

    /// Changes a user.
    ///
    /// The vendor's reference requires the same fields as for a new user, so all of them are sent: start with the current
    /// user, [`UserUpdate::from`]. This overwrites changes made in the meantime. The request is not retried automatically
    /// after a failure whose outcome is unknown.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{ListUsers, UserUpdate, Users};
    ///
    /// for user in client.list_users(&ListUsers::new()).await? {
    ///     let update = UserUpdate::from(&user).role("Agent");
    ///     client.update_user(user.id, &update).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(patch, "/users/{user_id}", perm = "users.update.*")]
    fn update_user(&self, user_id: UserId, #[body] user: &UserUpdate) -> Call<User>;
}

id! {
    /// The status of a user: a code whose values the vendor does not document.
    UserStatus
}

/// Which users to list, and in which order. A field that is `None` is left out of the query.
///
/// ```
/// use meetbit_client::{ListUsers, UserAttribute, UserOrder};
///
/// let deleted_first =
///     ListUsers::new().with_trashed(true).order_by(UserOrder::DeletedAt);
/// let smiths = ListUsers::new()
///     .attribute(UserAttribute::LastName)
///     .operator("=")
///     .value("Smith");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListUsers {
    /// The number of users on a page. The name is inferred; default and limits are not documented.
    pub page_size: Option<u32>,
    /// The number of the page. The name is inferred, and so is that the first page is 1.
    pub page_number: Option<u32>,
    /// Whether to include deleted users.
    pub with_trashed: Option<bool>,
    /// The attribute to sort by. The name is inferred.
    pub order_by: Option<UserOrder>,
    /// The direction to sort in. The name is inferred; the values are not documented, `asc` and `desc` are likely.
    pub order_direction: Option<String>,
    /// The attribute to filter by. The name is inferred.
    pub attribute: Option<UserAttribute>,
    /// The operator that compares the attribute with the value. The operators are not documented.
    pub operator: Option<String>,
    /// The value to compare the attribute with.
    pub value: Option<String>,
}

impl ListUsers {
    /// Lists the first page of all users that are not deleted, in the server's order.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `page_size`.
    #[must_use]
    pub fn page_size(mut self, page_size: u32) -> Self {
        self.page_size = Some(page_size);
        self
    }

    /// Sets `page_number`.
    #[must_use]
    pub fn page_number(mut self, page_number: u32) -> Self {
        self.page_number = Some(page_number);
        self
    }
}

setters!(ListUsers {
    with_trashed: bool,
    order_by: UserOrder,
    order_direction: String,
    attribute: UserAttribute,
    operator: String,
    value: String,
});

string_enum! {
    /// The attributes that users can be sorted by.
    UserOrder {
        Id = "id",
        FirstName = "first_name",
        LastName = "last_name",
        Email = "email",
        Status = "status",
        Timezone = "timezone",
        Role = "role",
        CreatedAt = "created_at",
        UpdatedAt = "updated_at",
        DeletedAt = "deleted_at",
    }
}

string_enum! {
    /// The attributes that users can be filtered by.
    UserAttribute {
        Id = "id",
        FirstName = "first_name",
        LastName = "last_name",
        Email = "email",
        Status = "status",
        Timezone = "timezone",
        Role = "role",
        Department = "department",
        DepartmentId = "department_id",
        CreatedAt = "created_at",
        UpdatedAt = "updated_at",
        DeletedAt = "deleted_at",
    }
}

/// A user to create. All fields except the last two are required.
///
/// The setters take values. To set a field from an `Option`, assign it: `user.role = role;`.
///
/// ```
/// use meetbit_client::{NewUser, Validate};
///
/// let grace = NewUser::new().first_name("Grace").is_silent(true);
/// let error = grace.validate().unwrap_err();
/// let texts = error.get("last_name").unwrap();
/// assert_eq!(texts, ["The last_name field is required."]);
/// let texts = error.get("activate").unwrap();
/// assert_eq!(
///     texts,
///     ["The activate field must be accepted when is_silent is true."]
/// );
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// The department of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// An e-mail address of at most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name of an IANA time zone. A name that this machine's time zone database lacks is refused before it is sent;
    /// if MeetBit knows it, send the request with [`Call::unchecked`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<ZoneName>,
    /// The working hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_hours: Option<WorkHours>,
    /// The name of an existing role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Activates the user at once, which also needs the permission `users.lock.*`. MeetBit's default is `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activate: Option<bool>,
    /// Sends no invitation e-mail; only allowed together with `activate`. MeetBit's default is `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_silent: Option<bool>,
}

impl NewUser {
    /// An empty user; set the fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(NewUser {
    department_id: DepartmentId,
    first_name: String,
    last_name: String,
    email: String,
    timezone: ZoneName,
    work_hours: WorkHours,
    role: String,
    activate: bool,
    is_silent: bool,
});

impl Validate for NewUser {
    fn validate(&self) -> Result<(), ValidationError> {
        let given = Given {
            department_id: self.department_id,
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            email: self.email.as_deref(),
            timezone: self.timezone.as_ref(),
            work_hours: self.work_hours.as_ref(),
            role: self.role.as_deref(),
        };
        let silent_only = self.is_silent == Some(true) && self.activate != Some(true);
        let text = || "The activate field must be accepted when is_silent is true.".to_owned();
        given.checks().ensure(!silent_only, "activate", text).finish()
    }

    fn permissions(&self) -> &'static [&'static str] {
        if self.activate == Some(true) { &["users.lock.*"] } else { &[] }
    }
}

/// The new values of a user. All fields are required: see [`Users::update_user`].
///
/// If your tenant accepts some of the fields without the others, leave the others `None`, so that they are left out, and
/// send the request with [`Call::unchecked`].
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUpdate {
    /// The department of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// An e-mail address of at most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name of an IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<ZoneName>,
    /// The working hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_hours: Option<WorkHours>,
    /// The name of an existing role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

impl UserUpdate {
    /// An empty update; [`from`](Self::from) starts with the values of a user.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Starts with the current values of `user`.
impl From<&User> for UserUpdate {
    fn from(user: &User) -> Self {
        Self {
            department_id: user.department_id,
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            email: user.email.clone(),
            timezone: user.timezone.clone(),
            work_hours: user.work_hours.clone(),
            role: user.role.clone(),
        }
    }
}

setters!(UserUpdate {
    department_id: DepartmentId,
    first_name: String,
    last_name: String,
    email: String,
    timezone: ZoneName,
    work_hours: WorkHours,
    role: String,
});

impl Validate for UserUpdate {
    fn validate(&self) -> Result<(), ValidationError> {
        let given = Given {
            department_id: self.department_id,
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            email: self.email.as_deref(),
            timezone: self.timezone.as_ref(),
            work_hours: self.work_hours.as_ref(),
            role: self.role.as_deref(),
        };
        given.checks().finish()
    }
}

/// The fields that both requests check.
struct Given<'a> {
    department_id: Option<DepartmentId>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    email: Option<&'a str>,
    timezone: Option<&'a ZoneName>,
    work_hours: Option<&'a WorkHours>,
    role: Option<&'a str>,
}

impl Given<'_> {
    fn checks(&self) -> Checks {
        let checks = Checks::new()
            .required("department_id", self.department_id.is_some())
            .required("first_name", self.first_name.is_some())
            .max_length("first_name", self.first_name, 255)
            .required("last_name", self.last_name.is_some())
            .max_length("last_name", self.last_name, 255)
            .required("email", self.email.is_some())
            .email("email", self.email)
            .max_length("email", self.email, 255)
            .required("timezone", self.timezone.is_some())
            .ensure(self.timezone.is_none_or(ZoneName::can_be_zone), "timezone", || {
                "The timezone field must be a valid timezone.".to_owned()
            })
            .required("work_hours", self.work_hours.is_some())
            .required("role", self.role.is_some());
        self.work_hours.iter().fold(checks, |checks, hours| hours.check(checks))
    }
}

/// A user that MeetBit returns.
///
/// The vendor documents the fields, but not which of them may be `null`: here all fields except the id can be absent.
///
/// A fake makes one with [`User::new`] and the setters:
/// ```
/// use meetbit_client::User;
///
/// let grace = User::new(7).first_name("Grace").email("grace@example.com");
/// # let _ = grace;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The department of the user.
    pub department_id: Option<DepartmentId>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The status.
    pub status: Option<UserStatus>,
    /// The time zone.
    pub timezone: Option<ZoneName>,
    /// The working hours.
    pub work_hours: Option<WorkHours>,
    /// The name of the role.
    pub role: Option<String>,
    /// The time of creation. The field is inferred.
    pub created_at: Option<Timestamp>,
    /// The time of the last change. The field is inferred.
    pub updated_at: Option<Timestamp>,
    /// The time of deletion; `None` if the user is not deleted. The field is inferred.
    pub deleted_at: Option<Timestamp>,
}

impl User {
    /// A user for a fake. All other fields are `None` until they are set.
    pub fn new(id: impl Into<UserId>) -> Self {
        Self {
            id: id.into(),
            department_id: None,
            first_name: None,
            last_name: None,
            email: None,
            status: None,
            timezone: None,
            work_hours: None,
            role: None,
            created_at: None,
            updated_at: None,
            deleted_at: None,
        }
    }
}

setters!(User {
    department_id: DepartmentId,
    first_name: String,
    last_name: String,
    email: String,
    status: UserStatus,
    timezone: ZoneName,
    work_hours: WorkHours,
    role: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Timestamp,
});
