package highwater.local

import java.io.{File, FileNotFoundException}
import java.net.URI
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileStatus, Path, RawLocalFileSystem}
import org.apache.hadoop.fs.permission.FsPermission

/** s3://bucket/key as the file <fs.s3-on-disk.root>/bucket/key.
  *
  * Hadoop's own local file systems start a process for every permission that they read or write (`ls -ld`, `chmod`)
  * where its native library is missing, and PyPI has none: six thousand processes for two years of daily files.
  * S3 has no permissions.
  */
class S3OnDisk extends RawLocalFileSystem {
  private var bucket: URI = _
  private var folder: File = _

  override def initialize(name: URI, conf: Configuration): Unit = {
    bucket = new URI(name.getScheme, name.getAuthority, null, null, null)
    folder = new File(conf.get("fs.s3-on-disk.root"), name.getAuthority)
    if (!folder.isDirectory) throw new FileNotFoundException(s"there is no bucket ${name.getAuthority}")
    super.initialize(name, conf)
  }

  override def getScheme: String = bucket.getScheme
  override def getUri: URI = bucket
  override protected def getInitialWorkingDirectory: Path = null // asked for before the bucket is known
  override def getWorkingDirectory: Path = at("/")
  override def getHomeDirectory: Path = at("/")

  override def pathToFile(path: Path): File = {
    checkPath(path)
    new File(folder, path.toUri.getPath)
  }

  override def getFileStatus(path: Path): FileStatus = {
    val file = pathToFile(path)
    if (!file.exists) throw new FileNotFoundException(s"$path does not exist")
    described(makeQualified(path), file)
  }

  override def listStatus(path: Path): Array[FileStatus] = {
    val itself = getFileStatus(path)
    if (itself.isFile) Array(itself)
    else {
      val prefix = itself.getPath.toUri.getPath.stripSuffix("/")
      pathToFile(path).listFiles.sorted.map(child => described(at(s"$prefix/${child.getName}"), child))
    }
  }

  override def setPermission(path: Path, permission: FsPermission): Unit = ()

  private def at(key: String): Path = new Path(bucket.getScheme, bucket.getAuthority, key)

  private def described(path: Path, file: File): FileStatus =
    new FileStatus(file.length, file.isDirectory, 1, getDefaultBlockSize(path), file.lastModified, path)
}
