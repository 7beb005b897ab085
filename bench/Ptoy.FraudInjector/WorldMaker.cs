using System.Globalization;

namespace Ptoy.FraudInjector;

/// <summary>Makes towns, hospitals, staff and families.</summary>
internal sealed class WorldMaker(Dice dice, Year year, InjectorOptions options)
{
    private readonly List<(double Latitude, double Longitude)> _towns = [];

    public void Make()
    {
        for (int i = 0; i < options.Hospitals; i++) MakeHospital(i);
        foreach (Hospital hospital in year.Hospitals) Hire(hospital);
        MakeLocums();
        while (year.People.Count < options.Patients) MakeFamily();
        EmployPatients();
    }

    public Household NewHome(int town)
    {
        (double latitude, double longitude) = _towns[town];
        return new Household(town, dice.Pick(Catalogue.Streets), dice.Between(1, 80), latitude + (dice.Normal() * 0.05), longitude + (dice.Normal() * 0.07));
    }

    public string NewPhone() => string.Create(CultureInfo.InvariantCulture, $"+1-555-{dice.Between(200, 999)}-{dice.Between(1000, 9999)}");

    public Person NewPerson(Household home, string family, string phone, int age)
    {
        Hospital hospital = year.Hospitals[home.Town];
        var person = new Person
        {
            Id = dice.Id(), Home = home, Family = family, Phone = phone, Hospital = hospital, Doctor = dice.Pick(hospital.In(Catalogue.Primary)), DoctorOnRecord = dice.Chance(0.8),
            Born = Year.Start.AddDays(-(age * 365) - dice.Below(365)), Joined = Year.Start.AddDays(-dice.Between(1, 400)),
            Need = 1.2 + (age / 30.0) + (dice.Chance(0.2) ? 4 * dice.Unit() : 0),
        };
        year.People.Add(person);
        return person;
    }

    private void MakeHospital(int index)
    {
        (double Latitude, double Longitude) at = (44 + (index / 3 * 1.1) + (dice.Unit() * 0.3), 5 + (index % 3 * 1.4) + (dice.Unit() * 0.4));
        _towns.Add(at);
        var hospital = new Hospital { Id = dice.Id(), Town = index, PriceLevel = 0.85 + (0.4 * dice.Unit()) };
        int sites = dice.Between(1, 3);
        for (int i = 0; i < sites; i++)
        {
            double spread = i == 0 ? 0.01 : 0.12;
            hospital.Sites.Add(new Site(dice.Id(), hospital, at.Latitude + (dice.Normal() * spread), at.Longitude + (dice.Normal() * spread)));
        }
        year.Hospitals.Add(hospital);
    }

    private void Hire(Hospital hospital)
    {
        foreach ((string department, int staff) in Catalogue.Departments)
        {
            for (int i = 0; i < staff; i++)
            {
                var worker = new Worker
                {
                    Id = dice.Id(), Hospital = hospital, Department = department, Home = NewHome(hospital.Town), Family = dice.Pick(Catalogue.Families),
                    Nights = department == Catalogue.Emergency || dice.Chance(0.08), Site = dice.Pick(hospital.Sites),
                };
                hospital.Staff.Add(worker);
                year.Workers.Add(worker);
            }
        }
    }

    /// <summary>Honest: some doctors serve two hospitals.</summary>
    private void MakeLocums()
    {
        foreach (Worker worker in year.Workers.Where(w => w.Department is Catalogue.Primary or Catalogue.Cardiology))
        {
            if (dice.Chance(0.08)) worker.LocumAt = dice.Pick([.. year.Hospitals.Where(h => h != worker.Hospital)]);
        }
    }

    private void MakeFamily()
    {
        int town = dice.Below(year.Hospitals.Count);
        Household home = NewHome(town);
        string family = dice.Pick(Catalogue.Families), phone = NewPhone();
        int adults = dice.Chance(0.6) ? 2 : 1, adultAge = dice.Between(22, 88);
        bool sharePhone = dice.Chance(0.25);
        for (int i = 0; i < adults; i++)
            NewPerson(home, i == 0 || dice.Chance(0.7) ? family : dice.Pick(Catalogue.Families), i == 0 || sharePhone ? phone : NewPhone(), Math.Max(20, adultAge + dice.Between(-4, 4)));
        if (adultAge is < 26 or > 52 || !dice.Chance(0.6)) return;
        int children = dice.Between(1, 3);
        for (int i = 0; i < children; i++)
        {
            Person child = NewPerson(home, family, phone, dice.Between(0, 17));
            // Honest: twins have the same birthday, address, phone and often the same appointment.
            if (!dice.Chance(0.06)) continue;
            var twin = new Person
            {
                Id = dice.Id(), Home = home, Family = family, Phone = phone, Hospital = child.Hospital, Doctor = child.Doctor, DoctorOnRecord = child.DoctorOnRecord, Born = child.Born,
                Joined = child.Joined, Need = child.Need,
            };
            year.People.Add(twin);
            Twins.Add((child, twin));
        }
    }

    public List<(Person First, Person Second)> Twins { get; } = [];

    /// <summary>Honest: staff are patients too, mostly of their own hospital.</summary>
    private void EmployPatients()
    {
        foreach (Worker worker in year.Workers)
        {
            if (!dice.Chance(0.5)) continue;
            Person self = NewPerson(worker.Home, worker.Family, NewPhone(), dice.Between(25, 64));
            self.Employer = worker.Hospital;
        }
    }
}
