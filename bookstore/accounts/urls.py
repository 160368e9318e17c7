"""The addresses of sign-in and account. mozilla-django-oidc gave the first three their names."""

from django.urls import path

from bookstore.accounts import views

urlpatterns = [
    path("oidc/authenticate/", views.SignIn.as_view(), name="oidc_authentication_init"),
    path("oidc/callback/", views.SignInReturn.as_view(), name="oidc_authentication_callback"),
    path("oidc/logout/", views.SignOut.as_view(), name="oidc_logout"),
    path("oidc/sign-up/", views.SignUp.as_view(), name="sign-up"),
    path("oidc/forgotten-password/", views.ForgottenPassword.as_view(), name="forgotten-password"),
    path("account/", views.account, name="account"),
    path("account/sign-in-failed/", views.sign_in_failed, name="sign-in-failed"),
    path("account/addresses/", views.add_address, name="address-add"),
    path("account/addresses/<slug:key>/", views.change_address, name="address-change"),
    path("account/addresses/<slug:key>/remove/", views.remove_address, name="address-remove"),
    path("account/export/", views.export, name="account-export"),
    path("account/erase/", views.erase, name="account-erase"),
    path("account/sign-out-everywhere/", views.sign_out_everywhere, name="sign-out-everywhere"),
]
