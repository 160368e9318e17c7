from django.urls import path

from orders import views

app_name = "orders"
urlpatterns = [
    path("checkout/", views.checkout, name="checkout"),
    path("checkout/return/", views.checkout_return, name="checkout-return"),
    path("payments/webhook/", views.payment_webhook, name="payment-webhook"),
    path("orders/", views.orders, name="list"),
    path("orders/<str:order_id>/", views.order, name="detail"),
    path("orders/<str:order_id>/pay/", views.pay, name="pay"),
    path("orders/<str:order_id>/cancel/", views.cancel, name="cancel"),
    path("orders/<str:order_id>/again/", views.again, name="again"),
    path("orders/<str:order_id>/ratings/<str:book_id>/", views.rate, name="rate"),
]
