from django import forms

from shop.models import Item, Shelf


class EveryField(forms.Form):
    text = forms.CharField(max_length=5, help_text="Short.")
    area = forms.CharField(widget=forms.Textarea, required=False)
    secret = forms.CharField(widget=forms.PasswordInput, required=False)
    whole = forms.IntegerField(min_value=1, localize=True)
    real = forms.FloatField(required=False)
    exact = forms.DecimalField(required=False, decimal_places=2)
    mail = forms.EmailField(required=False)
    link = forms.URLField(required=False, assume_scheme="https")
    address = forms.GenericIPAddressField(required=False)
    day = forms.DateField(required=False, widget=forms.SelectDateWidget(years=[2024]))
    moment = forms.SplitDateTimeField(required=False)
    span = forms.DurationField(required=False)
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    kinds = forms.MultipleChoiceField(choices=[("a", "A")], required=False)
    shelf = forms.ModelChoiceField(Shelf.objects.all(), required=False)
    document = forms.JSONField(required=False)
    agreed = forms.BooleanField(required=False)
    unsure = forms.NullBooleanField(required=False)
    file = forms.FileField(required=False)

    def clean(self):
        if self.cleaned_data.get("text") == "wrong":
            raise forms.ValidationError("All of it is wrong.")


ItemForms = forms.modelformset_factory(Item, fields=["name", "price"], extra=1)
