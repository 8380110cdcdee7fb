"""The whole shop as processes of this machine: five services, the stores that they share, four stand-ins."""

from __future__ import annotations

import contextlib
import secrets as random_secrets
import socket
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
from storefront_dev.shop.addresses import Addresses
from storefront_dev.shop.customer import Customer
from storefront_dev.shop.people import Person, Tokens
from storefront_dev.shop.products import Catalogue
from storefront_dev.shop.reconciliation.collection import Collector

from tests.services.conftest import environment
from tests.services.postgres_server import PostgresServer
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.redis_server import RedisServer
from tests.services.service_process import ServiceProcess, program
from tests.services.shop.without_gateway import ADDRESS, WithoutGateway
from tests.services.standin_process import StandInProcess

WITH_DATABASE = ("user", "product", "order", "payment")
SERVICES = (*WITH_DATABASE, "notification")


class RunningShop:
    """Everything is started when it is made, and runs until `stop`."""

    def __init__(
        self,
        postgres: PostgresServer,
        rabbitmq: RabbitMQServer,
        redis: RedisServer,
        secrets: Path,
        name: str,
        settings: Mapping[str, Mapping[str, str]],
    ) -> None:
        """
        Args:
            secrets: folder with the file `password`, the stores' password.
            name: of the databases and of the virtual host.
            settings: further environment variables of services, by service.
        """
        self.postgres = postgres
        self.rabbitmq = rabbitmq
        self._name = name
        self._exit = contextlib.ExitStack()
        folder = secrets / name
        folder.mkdir()
        self.payments_key = "sk_test_" + random_secrets.token_hex(8)
        self.credential = random_secrets.token_hex(16)
        files = {
            "payments-key": self.payments_key,
            "webhook-secret": "whsec_" + random_secrets.token_hex(16),
            "shipping-key": "shipping",
            "gateway": self.credential,
        }
        for file, content in files.items():
            (folder / file).write_text(content, encoding="utf-8")
        self.credential_file = folder / "gateway"
        payment_port = _free_port()
        try:
            self.standins = self._start_standins(folder, payment_port)
            rabbitmq.create_virtual_host(name)
            self._environments = {
                service: {
                    **self._stores(service, redis, secrets),
                    **self._external(service, folder),
                    "GATEWAY_CREDENTIAL_FILE": str(self.credential_file),
                    **settings.get(service, {}),
                }
                for service in SERVICES
            }
            for service in WITH_DATABASE:
                # The same one after a crash.
                port = payment_port if service == "payment" else _free_port()
                self._environments[service]["API_PORT"] = str(port)
                postgres.create_database(self.database(service), service)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda service: _migrate(service, self._environments[service]), WITH_DATABASE))
                starting = {service: pool.submit(self._start, service) for service in SERVICES}
            for future in starting.values():
                if future.exception() is None:
                    self._exit.callback(future.result().stop)
            self.services = {service: future.result() for service, future in starting.items()}
        except BaseException:
            self._exit.close()
            raise
        self.addresses = Addresses(
            shop=ADDRESS, **{standin: process.url for standin, process in self.standins.items()}
        )

    def stop(self) -> None:
        """End all of it."""
        # All at once: each takes its time to drain.
        for process in self.services.values():
            process.process.terminate()
        self._exit.close()

    def crash(self, service: str) -> None:
        """Kill a service in the middle of what it does, and start it again."""
        process = self.services[service]
        process.process.kill()
        process.wait()
        self.services[service] = self._start(service)
        self._exit.callback(self.services[service].stop)

    def _start(self, service: str) -> ServiceProcess:
        return ServiceProcess(f"{service}-service", self._environments[service])

    def database(self, service: str) -> str:
        """The name of a service's database."""
        return f"{self._name}_{service}"

    def errors(self) -> list[str]:
        """What the services have logged as errors, with their names."""
        return [
            f"{name}: {line}"
            for name, process in self.services.items()
            for line in process.log
            if line["level"] in ("error", "critical")
        ] + [f"{name}: {line}" for name, process in self.services.items() for line in process.other_output]

    def client(self) -> httpx2.AsyncClient:
        """A client that finds the shop at `addresses.shop`."""
        transport = WithoutGateway(
            {name: process.api for name, process in self.services.items() if process.api}, self.credential
        )
        return httpx2.AsyncClient(transport=transport, timeout=20, trust_env=False)

    def _start_standins(self, folder: Path, payment_port: int) -> dict[str, StandInProcess]:
        arguments = {
            "payments": [
                f"--key-file={folder / 'payments-key'}",
                f"--webhook-url=http://127.0.0.1:{payment_port}/api/payments/webhooks",
                f"--webhook-secret-file={folder / 'webhook-secret'}",
            ],
            "mail": ["--smtp-port=0"],
            "shipping": [],
            "identity": [],
        }
        # The pages of the payment sandbox are found at an address that has to be known before.
        port = _free_port()
        arguments["payments"] += [f"--port={port}", f"--public-url=http://127.0.0.1:{port}"]
        running = {}
        for name, given in arguments.items():
            running[name] = StandInProcess(name, *given)
            self._exit.callback(running[name].stop)
        return running

    def _stores(self, service: str, redis: RedisServer, secrets: Path) -> dict[str, str]:
        found = self.rabbitmq.environment(self._name, service, secrets)
        if service in WITH_DATABASE:
            found |= environment(self.postgres, self.database(service), secrets, service)
        if service in ("product", "order"):
            found |= redis.environment(service, secrets / "password")
        if service == "product":
            # No Elasticsearch: all that has to do without is the search.
            found["ELASTICSEARCH_URL"] = f"http://127.0.0.1:{_free_port()}"
        return found

    def _external(self, service: str, folder: Path) -> dict[str, str]:
        mail, payments, shipping = (self.standins[name] for name in ("mail", "payments", "shipping"))
        shop = {"SHOP_NAME": "The test shop", "SHOP_URL": "http://shop.example"}
        return {
            "payment": {
                **shop,
                "PAYMENT_GATEWAY_URL": payments.url,
                "PAYMENT_GATEWAY_KEY_FILE": str(folder / "payments-key"),
                "PAYMENT_GATEWAY_WEBHOOK_SECRET_FILE": str(folder / "webhook-secret"),
            },
            "order": {"SHIPPING_URL": shipping.url, "SHIPPING_KEY_FILE": str(folder / "shipping-key")},
            "notification": {
                **shop,
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": str(mail.ports["smtpPort"]),
                "SMTP_SECURITY": "none",
                "MAIL_FROM": "shop@example.com",
            },
        }.get(service, {})


class Visit:
    """A test's own people and products in a running shop."""

    def __init__(self, shop: RunningShop, http: httpx2.AsyncClient, name: str) -> None:
        """`name`: in addresses and SKUs, so that tests do not meet."""
        self.shop = shop
        self.http = http
        self.tokens = Tokens(http, shop.addresses.identity)
        self.catalogue = Catalogue(http, shop.addresses.shop, self.tokens)
        self.collector = Collector(http, shop.addresses, self.tokens, shop.payments_key)
        self._name = name

    def customer(self, name: str = "ada") -> Customer:
        """A customer of the test's own."""
        person = Person(f"{name}.{self._name}@example.com", name.capitalize())
        return Customer(self.http, self.shop.addresses.shop, person, self.tokens)

    def sku(self, name: str) -> str:
        """A SKU of the test's own."""
        return f"{self._name}-{name}".upper()

    async def charge(self, order_id: str, amount: int) -> None:
        """Charge an order at the payment gateway, past the shop; `amount` is in minor units."""
        form = {
            "amount": str(amount),
            "currency": "eur",
            "confirm": "true",
            "payment_method": "pm_card_visa",
            "payment_method_types[0]": "card",
            "metadata[orderId]": order_id,
        }
        headers = {"Authorization": f"Bearer {self.shop.payments_key}"}
        url = f"{self.shop.addresses.payments}/v1/payment_intents"
        (await self.http.post(url, data=form, headers=headers)).raise_for_status()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _migrate(service: str, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [program(f"{service}-service"), "migrate"],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{service}-service migrate: {done.stdout}{done.stderr}"
