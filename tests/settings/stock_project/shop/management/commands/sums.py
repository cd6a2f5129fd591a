from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum

from shop.models import Item


class Command(BaseCommand):
    help = "Prints the sum of all prices."

    def add_arguments(self, parser):
        parser.add_argument("--most", type=int)

    def handle(self, *args, most, **options):
        total = Item.objects.aggregate(sum=Sum("price"))["sum"]
        self.stderr.write("adding")
        if most is not None and total > most:
            raise CommandError(f"{total} is too much", returncode=3)
        self.stdout.write(self.style.SUCCESS(f"The sum is {total}"))
