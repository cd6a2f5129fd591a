from django.contrib import admin

from shop.models import Item, Paper, Shelf


class ItemInline(admin.TabularInline):
    model = Item
    extra = 1


@admin.register(Shelf)
class ShelfAdmin(admin.ModelAdmin):
    search_fields = ["name"]
    inlines = [ItemInline]


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    list_display = ["id", "name", "price", "made", "is_cheap"]
    list_editable = ["price"]
    list_filter = ["shelf", "made"]
    search_fields = ["name"]
    date_hierarchy = "made"
    autocomplete_fields = ["shelf"]
    fieldsets = [
        (None, {"fields": ["name", "price"]}),
        ("More", {"classes": ["collapse"], "fields": ["made", "tags", "shelf"]}),
    ]
    actions = ["double"]

    @admin.display(boolean=True)
    def is_cheap(self, item):
        return item.price < 3

    @admin.action(description="Double the price")
    def double(self, request, queryset):
        self.message_user(request, f"{queryset.count()} doubled")


admin.site.register(Paper)
