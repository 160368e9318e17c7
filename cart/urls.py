from django.urls import path

from cart import views

app_name = "cart"
urlpatterns = [
    path("cart/", views.cart, name="cart"),
    path("cart/add/", views.add, name="add"),
    path("cart/lines/<str:book_id>/", views.line, name="line"),
]
