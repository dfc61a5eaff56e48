//! Files of one folder, reached through the folder's handle: what its name shows later does not matter, and a
//! junction or link in the place of folder or file is never followed. Knows nothing of who may do what.
#![expect(
    unsafe_code,
    reason = "opening beneath a handle is a call of the kernel's own interface"
)]

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io,
    os::windows::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _},
        io::{AsHandle, AsRawHandle as _, BorrowedHandle, FromRawHandle as _},
    },
    path::Path,
    ptr,
};

use windows_sys::{
    Wdk::{
        Foundation::OBJECT_ATTRIBUTES,
        Storage::FileSystem::{
            FILE_CREATE, FILE_NON_DIRECTORY_FILE, FILE_OPEN_REPARSE_POINT, FILE_SYNCHRONOUS_IO_NONALERT,
            FileRenameInformation, NTCREATEFILE_CREATE_DISPOSITION, NtCreateFile, NtSetInformationFile,
        },
    },
    Win32::{
        Foundation::{NTSTATUS, OBJ_CASE_INSENSITIVE, RtlNtStatusToDosError, UNICODE_STRING},
        Storage::FileSystem::{
            CreateDirectoryW, DELETE, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_REPARSE_POINT,
            FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_GENERIC_WRITE,
            FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
            FILE_TRAVERSE, READ_CONTROL, SYNCHRONIZE,
        },
        System::IO::{IO_STATUS_BLOCK, IO_STATUS_BLOCK_0},
    },
};

use super::{
    acl::{self, Descriptor},
    wide::wide,
};

const SHARE_ALL: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
/// Where the handle lies in what a rename is told, and the length of the name.
const RENAME_ROOT: usize = 8;
const RENAME_LENGTH: usize = 16;
const RENAME_NAME: usize = 20;

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(File);

impl Folder {
    /// Opens a folder, with `more` rights than those to read its own. Refuses a junction, a link and a file.
    pub(super) fn open(path: &Path, more: u32) -> io::Result<Self> {
        let rights = FILE_LIST_DIRECTORY | FILE_TRAVERSE | FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE;
        let file = OpenOptions::new()
            .access_mode(rights | more)
            .share_mode(SHARE_ALL)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(path)?;
        let metadata = file.metadata()?;
        if metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
            return Err(refused("is a junction or a link"));
        }
        if !metadata.is_dir() {
            return Err(refused("is not a folder"));
        }
        Ok(Self(file))
    }

    /// Makes a file that nobody but those of `rights` reaches. It must not exist.
    pub(super) fn create(&self, name: &OsStr, rights: &Descriptor) -> io::Result<File> {
        self.open_beneath(
            name,
            FILE_GENERIC_WRITE | DELETE | SYNCHRONIZE,
            FILE_CREATE,
            Some(rights),
        )
    }

    /// Puts a file of this folder in the place of `name`, which need not exist.
    pub(super) fn rename(&self, file: &File, name: &OsStr) -> io::Result<()> {
        let name = plain(name)?;
        let length = name.len() * 2;
        let mut bytes = vec![0u8; (RENAME_NAME + length).next_multiple_of(8)];
        let mut put = |at: usize, what: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + what.len()) {
                place.copy_from_slice(what);
            }
        };
        put(0, &[1]);
        put(RENAME_ROOT, &(self.0.as_raw_handle() as usize).to_le_bytes());
        put(RENAME_LENGTH, &(length as u32).to_le_bytes());
        for (index, unit) in name.iter().enumerate() {
            put(RENAME_NAME + index * 2, &unit.to_le_bytes());
        }
        // In words, because the handle in it wants to be aligned.
        let told: Vec<u64> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|eight| u64::from_le_bytes(*eight))
            .collect();
        let mut status = no_status();
        // SAFETY: `told` has the layout that this class of information wants, and the length that is named.
        let done = unsafe {
            NtSetInformationFile(
                file.as_raw_handle(),
                &raw mut status,
                told.as_ptr().cast(),
                (RENAME_NAME + length) as u32,
                FileRenameInformation,
            )
        };
        check(done)
    }

    fn open_beneath(
        &self,
        name: &OsStr,
        access: u32,
        disposition: NTCREATEFILE_CREATE_DISPOSITION,
        rights: Option<&Descriptor>,
    ) -> io::Result<File> {
        let mut name = plain(name)?;
        let length = (name.len() * 2) as u16;
        let name = UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: name.as_mut_ptr(),
        };
        let attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            RootDirectory: self.0.as_raw_handle(),
            ObjectName: &raw const name,
            Attributes: OBJ_CASE_INSENSITIVE,
            SecurityDescriptor: rights.map_or(ptr::null_mut(), Descriptor::as_ptr).cast(),
            SecurityQualityOfService: ptr::null_mut(),
        };
        let mut status = no_status();
        let mut handle = ptr::null_mut();
        // SAFETY: every pointer is to a value that lives until after the call.
        let done = unsafe {
            NtCreateFile(
                &raw mut handle,
                access,
                &raw const attributes,
                &raw mut status,
                ptr::null(),
                FILE_ATTRIBUTE_NORMAL,
                FILE_SHARE_READ | FILE_SHARE_DELETE,
                disposition,
                FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT | FILE_SYNCHRONOUS_IO_NONALERT,
                ptr::null(),
                0,
            )
        };
        check(done)?;
        // SAFETY: the call above made it for us to close.
        Ok(unsafe { File::from_raw_handle(handle) })
    }
}

impl AsHandle for Folder {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

/// Opens a file for reading, together with its rights; never what a link shows.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .share_mode(SHARE_ALL)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
        return Err(refused("is a link"));
    }
    if metadata.is_dir() {
        return Err(refused("is not a file"));
    }
    Ok(file)
}

/// Makes a folder that nobody but those of `rights` reaches. It must not exist.
pub(super) fn create_folder(path: &Path, rights: &Descriptor) -> io::Result<()> {
    let path = wide(path);
    let attributes = rights.attributes();
    // SAFETY: the path ends in zero, and the rights live until after the call.
    acl::check(unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) })
}

/// One name, without a way to another folder or another stream.
fn plain(name: &OsStr) -> io::Result<Vec<u16>> {
    let units: Vec<u16> = name.encode_wide().collect();
    let bad = units.is_empty()
        || units.len() > 255
        || units
            .iter()
            .any(|unit| [b'\\', b'/', b':', 0].map(u16::from).contains(unit));
    if bad {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path names no file",
        ));
    }
    Ok(units)
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn no_status() -> IO_STATUS_BLOCK {
    IO_STATUS_BLOCK {
        Anonymous: IO_STATUS_BLOCK_0 { Status: 0 },
        Information: 0,
    }
}

fn check(status: NTSTATUS) -> io::Result<()> {
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: it has no preconditions.
    let code = unsafe { RtlNtStatusToDosError(status) };
    Err(io::Error::from_raw_os_error(code.cast_signed()))
}
