"""The ports of the local cloud and its state directory."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
ENV_PREFIX = "HIGHWATER_LOCAL_"


class LocalSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX)

    prefect_port: int = Field(default=4600, description="Prefect's API and UI")
    aws_port: int = Field(default=4601, description="the AWS APIs")
    snowflake_port: int = Field(default=4602, description="Snowflake")
    listener_port: int = Field(default=4603, description="health of the inbox's listener")
    inbox_listener: bool = Field(
        default=True, description="whether the inbox's listener runs: uploads start runs by themselves"
    )
    state: Path = Field(
        default=REPOSITORY / ".local", description="directory of everything that the local cloud keeps"
    )
    snowflake_memory: str = Field(
        default="2GB",
        pattern=r"^[1-9]\d*(MB|GB)$",
        description="what the local Snowflake may hold in memory; beyond it it writes to disk, or refuses a statement",
    )
    start_timeout: float = Field(default=120, description="seconds that a part may take until it answers")
    stop_grace: float = Field(default=3, description="seconds that a process may take to end by itself")

    @field_validator("state")
    @classmethod
    def _absolute(cls, state: Path) -> Path:
        return (REPOSITORY / state.expanduser()).resolve()

    @property
    def aws_url(self) -> str:
        return f"http://{LOOPBACK}:{self.aws_port}"

    @property
    def snowflake_url(self) -> str:
        return f"http://{LOOPBACK}:{self.snowflake_port}"

    @property
    def prefect_url(self) -> str:
        return f"http://{LOOPBACK}:{self.prefect_port}"

    @property
    def prefect_api_url(self) -> str:
        return f"{self.prefect_url}/api"

    @property
    def listener_url(self) -> str:
        return f"http://{LOOPBACK}:{self.listener_port}"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def cache(self) -> Path:
        """The folder that `down` keeps, because it only saves time."""
        return self.state / "cache"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of all processes of the local cloud. `down` deletes it."""
        return self.state / "tmp"

    @property
    def aws_state(self) -> Path:
        return self.state / "aws"

    @property
    def snowflake_state(self) -> Path:
        return self.state / "snowflake"

    @property
    def snowflake_home(self) -> Path:
        """Where Snowflake's connector looks for connections.toml."""
        return self.snowflake_state / "home"

    @property
    def prefect_state(self) -> Path:
        return self.state / "prefect"

    def as_environment(self) -> dict[str, str]:
        """The variables that give another process the same settings."""
        return {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in self.model_dump().items()}
